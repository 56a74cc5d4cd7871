#include "client/shardctl/read_input.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace shardd::shardctl {
namespace {

constexpr size_t kPieceBytes = size_t{1} << 20;

}  // namespace

// Only the functions of a stream are used, never iterators over its buffer: a buffer that cannot
// read throws, and the stream makes that a state.
absl::StatusOr<std::string> ReadAll(std::istream& in, absl::string_view name, size_t bytes_max) {
  std::string bytes;
  while (in && bytes.size() <= bytes_max) {
    const size_t before = bytes.size();
    const size_t piece = std::min(kPieceBytes, bytes_max + 1 - before);
    bytes.resize(before + piece);
    in.read(bytes.data() + before, static_cast<std::streamsize>(piece));
    bytes.resize(before + static_cast<size_t>(in.gcount()));
  }
  if (bytes.size() > bytes_max) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " has more than ", bytes_max, " bytes, which is the most allowed here"));
  }
  const absl::Status end = CheckEnd(in, name);
  if (!end.ok()) return end;
  return bytes;
}

absl::Status CheckEnd(const std::istream& in, absl::string_view name) {
  if (!in.bad()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " cannot be read to its end"));
}

}  // namespace shardd::shardctl
