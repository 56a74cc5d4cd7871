#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace shardd::shardctl {

// A Debian package version: [epoch:]upstream[-revision], ordered as dpkg orders it.
class DebianVersion {
 public:
  // Refuses what dpkg refuses: an empty part, an epoch that is no number, a character that no
  // version may hold.
  static absl::StatusOr<DebianVersion> Parse(std::string_view text);

  // Below, at or above 0 as this version is older than, the same as or newer than `other`.
  int Compare(const DebianVersion& other) const;

 private:
  DebianVersion() = default;

  int epoch_ = 0;
  std::string upstream_;
  std::string revision_;
};

}  // namespace shardd::shardctl
