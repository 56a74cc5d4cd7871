#include "server/shard_state_operations/page_token.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/base/limits.h"

namespace shardd {
namespace {

constexpr uint8_t kTokenVersion = 1;

}  // namespace

std::string EncodePageToken(Hash128 query, absl::string_view position) {
  return absl::WebSafeBase64Escape(
      ByteWriter().Byte(kTokenVersion).Fixed64(query.high ^ query.low).Bytes(position).view());
}

absl::StatusOr<std::string> DecodePageToken(absl::string_view token, Hash128 query) {
  if (token.empty()) return std::string();
  std::string bytes;
  const bool readable = absl::WebSafeBase64Unescape(token, &bytes);
  ByteReader reader(bytes);
  const uint8_t version = reader.Byte();
  const uint64_t hash = reader.Fixed64();
  const absl::string_view position = reader.Bytes();
  if (!readable || !reader.Done() || version != kTokenVersion || position.empty() ||
      hash != (query.high ^ query.low)) {
    return Error(Reason::kInvalidPageToken,
                 "page_token was not issued for this query; repeat the query that it came from, or "
                 "leave it empty for the first page");
  }
  return std::string(position);
}

size_t PageSize(size_t asked) {
  return asked == 0 ? limits::kPageSizeDefault : std::min(asked, limits::kPageSizeMax);
}

}  // namespace shardd
