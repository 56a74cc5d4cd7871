#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace shardd::client {

// Gives 64 random bits at each call. Must be safe to call from any thread.
using RandomBits = std::function<uint64_t()>;

// Random bits of the operating system.
RandomBits SystemRandom();

// A new request id: a random UUID (version 4), such as "6f0c2b1e-8a4d-4c1f-9b55-0d8f6b1b2c3d".
std::string NewRequestId(const RandomBits& random);

}  // namespace shardd::client
