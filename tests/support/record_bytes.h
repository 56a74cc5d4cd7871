#pragma once

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "server/base/random.h"
#include "tests/support/status_matchers.h"

namespace shardd {

inline std::string Hex(absl::string_view bytes) { return absl::BytesToHexString(bytes); }
inline std::string FromHex(absl::string_view hex) { return absl::HexStringToBytes(hex); }

// Every true prefix of `bytes`, and `bytes` with one more, is refused as corrupt. `tail_from`:
// where a record's last field begins, if that is "the rest": from there on a prefix is a record
// itself.
template <typename Decode>
void ExpectOtherLengthsRefused(absl::string_view bytes, Decode decode,
                               size_t tail_from = std::string::npos) {
  const bool open_end = tail_from != std::string::npos;
  for (size_t length = 0; length < bytes.size() && length < tail_from; ++length) {
    EXPECT_THAT(decode(bytes.substr(0, length)), HasReason(Reason::kStorageCorrupt))
        << "prefix of " << length << " of " << bytes.size() << " bytes";
  }
  if (open_end) return;
  EXPECT_THAT(decode(std::string(bytes) + '\0'), HasReason(Reason::kStorageCorrupt)) << "one more";
}

// Another version in the first byte, which is the newest there is, is refused.
template <typename Decode>
void ExpectOtherVersionsRefused(std::string bytes, Decode decode) {
  for (const char version : {'\0', static_cast<char>(bytes[0] + 1), '\xff'}) {
    bytes[0] = version;
    EXPECT_THAT(decode(bytes), HasReason(Reason::kStorageCorrupt)) << int{version};
  }
}

// Garbled bytes may decode or not, but never crash, and what decodes encodes again.
template <typename Decode>
void ExpectGarbageIsHarmless(const std::string& bytes, Decode decode) {
  Random random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string garbled = bytes;
    for (uint64_t flips = 1 + random.Below(4); flips > 0 && !garbled.empty(); --flips) {
      garbled[random.Below(garbled.size())] = static_cast<char>(random.Next());
    }
    garbled.resize(garbled.size() - random.Below(3) % (garbled.size() + 1));
    const auto decoded = decode(garbled);
    if (decoded.ok()) {
      const auto again = decode(decoded->Encode());
      EXPECT_THAT(again, IsOk()) << Hex(garbled);
    } else {
      EXPECT_THAT(decoded, HasReason(Reason::kStorageCorrupt)) << Hex(garbled);
    }
  }
}

}  // namespace shardd
