#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "client/shardctl/debian_version.h"

namespace shardd::shardctl {

// An account to import, as it was read.
struct Record {
  // Where it begins in the input.
  uint64_t line = 0;
  std::string name_space;
  std::string id;
  std::map<std::string, std::string> labels;
  std::vector<std::pair<std::string, std::string>> entries;
  // Of several records of one account the highest version wins; without one, the last.
  std::optional<DebianVersion> version;
};

// Input that is no record.
struct BadRecord {
  uint64_t line = 0;
  std::string why;
};

// Where records come from.
//
// Thread safety: none.
class RecordReader {
 public:
  virtual ~RecordReader() = default;

  // The next record; nothing at the end. After a bad record, reading goes on behind it.
  virtual std::optional<std::variant<Record, BadRecord>> Next() = 0;

  virtual uint64_t bytes_read() const = 0;
};

}  // namespace shardd::shardctl
