#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace shardd {

// What this program was made from.
struct Version {
  absl::string_view version;  // of shardd
  absl::string_view commit;   // "unknown" when built outside of a repository
  absl::string_view compiler;
  absl::string_view grpc;
  absl::string_view rocksdb;
  int data_format = 0;  // of the data folder
  absl::string_view api;
};
Version ThisVersion();

// For people: several lines. For scripts: one JSON object with the fields above. Both end with a
// line feed.
std::string ToTable(const Version& version);
std::string ToJson(const Version& version);

}  // namespace shardd
