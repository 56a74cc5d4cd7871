#include "client/shardctl/line_reader.h"

#include <algorithm>
#include <cstring>

namespace shardd::shardctl {

LineReader::LineReader(std::istream& in, size_t line_bytes_max)
    : in_(in), line_bytes_max_(line_bytes_max), buffer_(size_t{256} << 10) {}

bool LineReader::Refill() {
  in_.read(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
  begin_ = 0;
  end_ = static_cast<size_t>(in_.gcount());
  return end_ > 0;
}

std::optional<LineReader::Line> LineReader::Next() {
  line_.clear();
  bool too_long = false;
  for (bool begun = false;; begun = true) {
    if (begin_ == end_ && !Refill()) {
      if (!begun || broken()) return std::nullopt;
      break;
    }
    const char* const start = buffer_.data() + begin_;
    const size_t available = end_ - begin_;
    const void* const newline = std::memchr(start, '\n', available);
    const size_t length = newline != nullptr
                              ? static_cast<size_t>(static_cast<const char*>(newline) - start)
                              : available;
    const size_t kept = std::min(length, line_bytes_max_ - line_.size());
    line_.append(start, kept);
    too_long = too_long || kept < length;
    begin_ += length + (newline != nullptr ? 1 : 0);
    bytes_read_ += length + (newline != nullptr ? 1 : 0);
    if (newline != nullptr) break;
  }
  return Line{line_, ++number_, too_long};
}

}  // namespace shardd::shardctl
