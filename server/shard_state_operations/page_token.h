#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/hash.h"

namespace shardd {

// An opaque, URL-safe token that names where a page ended. It carries a hash of its query and
// nothing of the daemon, so it survives restarts and changes of the routing table.
std::string EncodePageToken(Hash128 query, absl::string_view position);

// The position; empty for an empty token, the first page. kInvalidPageToken for one of another
// query.
absl::StatusOr<std::string> DecodePageToken(absl::string_view token, Hash128 query);

// The page size to use for the one asked for: 0 means the default, and the maximum bounds it.
size_t PageSize(size_t asked);

}  // namespace shardd
