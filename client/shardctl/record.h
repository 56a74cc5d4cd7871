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

// What an account may hold at most; 0 means the daemon's maximum.
struct RecordLimits {
  uint64_t entries_max = 0;
  uint64_t bytes_max = 0;

  friend bool operator==(const RecordLimits& a, const RecordLimits& b) {
    return a.entries_max == b.entries_max && a.bytes_max == b.bytes_max;
  }
};

// An account to import, as it was read.
struct Record {
  // Where it begins in the input.
  uint64_t line = 0;
  std::string name_space;
  std::string id;
  // What is missing is left as the account has it.
  std::optional<std::map<std::string, std::string>> labels;
  std::optional<RecordLimits> limits;
  std::optional<bool> frozen;
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

  // The next record; nothing at the end. After a bad record, reading goes on behind it. A record of
  // which only a part could be read, because the input failed, is not given.
  virtual std::optional<std::variant<Record, BadRecord>> Next() = 0;

  virtual uint64_t bytes_read() const = 0;
};

}  // namespace shardd::shardctl
