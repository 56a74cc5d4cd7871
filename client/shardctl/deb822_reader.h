#pragma once

#include <cstddef>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "client/shardctl/line_reader.h"
#include "client/shardctl/record.h"

namespace shardd::shardctl {

// Reads a Debian package index: stanzas of fields, with an empty line between them. A stanza is an
// account: its Package field is the id, its Version the version, each field an entry. The value of
// a field is the text behind "Field: " with its continuation lines just as they stand.
class Deb822Reader : public RecordReader {
 public:
  // `in` must outlive the reader.
  Deb822Reader(std::istream& in, std::string name_space);

  std::optional<std::variant<Record, BadRecord>> Next() override;
  uint64_t bytes_read() const override { return lines_.bytes_read(); }

 private:
  // Takes one line of a stanza; returns what is wrong with it, or nothing.
  std::string TakeLine(std::string_view line, Record& record);
  std::string TakeField(std::string_view line, Record& record);
  // Fills in id and version; returns what is missing, or nothing.
  std::string Complete(Record& record) const;

  LineReader lines_;
  const std::string name_space_;
};

}  // namespace shardd::shardctl
