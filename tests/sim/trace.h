#pragma once

#include <cstdint>
#include <cstdio>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/hash.h"

namespace shardd::sim {

// Everything that happened in a run, in order, as one hash: two runs of a seed must agree on it.
// Also printed, line by line, if asked. Besides, which rare things were met.
class Trace {
 public:
  explicit Trace(bool print) : print_(print) {}

  template <typename... Parts>
  void Add(const Parts&... parts) {
    const std::string line = absl::StrCat(parts...);
    hash_ = (hash_ ^ StableHash64(line)) * 0x9e3779b97f4a7c15;
    if (print_) std::printf("%s\n", line.c_str());
  }

  uint64_t hash() const { return hash_; }

  // Something rare was met. Worlds that never meet it prove nothing about it.
  void Meet(absl::string_view what) { met_.insert(what); }
  const std::set<absl::string_view>& met() const { return met_; }

 private:
  bool print_;
  uint64_t hash_ = 0;
  std::set<absl::string_view> met_;  // literals
};

}  // namespace shardd::sim
