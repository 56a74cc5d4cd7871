#pragma once

#include <cstdint>

namespace shardd {

// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). The same
// seed gives the same numbers on every machine, which std:: distributions do not promise. Not for
// secrets.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  // Evenly from [0, bound). REQUIRES: bound > 0.
  uint64_t Below(uint64_t bound) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * bound) >> 64);
  }

  // True once out of `denominator` times on average. REQUIRES: denominator > 0.
  bool OneIn(uint64_t denominator) { return Below(denominator) == 0; }

 private:
  uint64_t state_;
};

}  // namespace shardd
