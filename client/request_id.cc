#include "client/request_id.h"

#include <random>

#include "absl/strings/str_format.h"

namespace shardd::client {

RandomBits SystemRandom() {
  return [] {
    thread_local std::random_device device;
    return (static_cast<uint64_t>(device()) << 32) | device();
  };
}

std::string NewRequestId(const RandomBits& random) {
  constexpr uint64_t kVersionMask = 0xf000;
  constexpr uint64_t kVersion4 = 0x4000;
  constexpr uint64_t kVariantMask = 0xc000000000000000;
  constexpr uint64_t kVariant = 0x8000000000000000;
  const uint64_t high = (random() & ~kVersionMask) | kVersion4;
  const uint64_t low = (random() & ~kVariantMask) | kVariant;
  return absl::StrFormat("%08x-%04x-%04x-%04x-%012x", high >> 32, (high >> 16) & 0xffff,
                         high & 0xffff, low >> 48, low & 0xffffffffffff);
}

}  // namespace shardd::client
