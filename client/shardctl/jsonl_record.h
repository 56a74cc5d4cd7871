#pragma once

#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "client/shardctl/line_reader.h"
#include "client/shardctl/record.h"

namespace shardd::shardctl {

// The jsonl form of an account, one line each:
//
//   {"namespace":"shop","id":"cart-17","state":"active","limits":{"entries_max":100,"bytes_max":0},
//    "labels":{"tier":"gold"},"entries":{"color":"blue"}}
//
// All but the id may be left out. A limit that is missing is 0, the daemon's maximum; the state is
// "active" or "frozen". A value that is not UTF-8 is
// {"base64":"..."} in place of the string. An entry whose key is not UTF-8 stands in a list beside
// "entries", key and value both in base64: "entries_base64":[["/w==","Ymx1ZQ=="]].

// A record as a line of jsonl, without the newline.
std::string ToJsonl(const Record& record);

// Reads one line; `why` says what is wrong with a bad one. `line` is the line's number.
std::variant<Record, BadRecord> FromJsonl(std::string_view text, uint64_t line);

// Reads a file of such lines. Empty lines are passed over.
class JsonlReader : public RecordReader {
 public:
  // `in` must outlive the reader. Records that name no namespace get `default_namespace`.
  JsonlReader(std::istream& in, std::string default_namespace);

  std::optional<std::variant<Record, BadRecord>> Next() override;
  uint64_t bytes_read() const override { return lines_.bytes_read(); }

 private:
  LineReader lines_;
  const std::string default_namespace_;
};

}  // namespace shardd::shardctl
