#pragma once

#include <cstddef>
#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shardd::shardctl {

// Reads lines of bounded length.
//
// Thread safety: none.
class LineReader {
 public:
  struct Line {
    // Without the newline; valid until the next call. Cut at the longest allowed length.
    std::string_view text;
    // From 1.
    uint64_t number = 0;
    bool too_long = false;
  };

  // `in` must outlive the reader.
  LineReader(std::istream& in, size_t line_bytes_max);

  // The next line; nothing at the end, nor of a line that could be read only in part.
  std::optional<Line> Next();

  // Reading ended because it failed, and not at the end of the input.
  bool broken() const { return in_.bad(); }

  uint64_t bytes_read() const { return bytes_read_; }

 private:
  bool Refill();

  std::istream& in_;
  const size_t line_bytes_max_;
  std::vector<char> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  std::string line_;
  uint64_t number_ = 0;
  uint64_t bytes_read_ = 0;
};

}  // namespace shardd::shardctl
