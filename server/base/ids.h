#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace shardd {

// A number with a meaning: ids of different kinds do not mix, compare or convert.
template <typename Tag>
struct Id {
  uint64_t value = 0;
  friend constexpr auto operator<=>(Id, Id) = default;
};

using ShardId = Id<struct ShardTag>;          // 1 and up, never reused
using TableEpoch = Id<struct TableEpochTag>;  // rises by one with each change of the routing table
using OperationId = Id<struct OperationTag>;  // 1 and up, never reused
using WatchId = Id<struct WatchTag>;          // never reused while the daemon runs
using ThreadId = Id<struct ThreadTag>;        // never reused while the daemon runs

static_assert(sizeof(ShardId) == sizeof(uint64_t), "ids are stored in keys");

// The text forms operators see: "s-0001", "op-1", "t-1".
std::string ToText(ShardId id);
std::string ToText(OperationId id);
std::string ToText(ThreadId id);

// The way back; nullopt for anything ToText never writes.
std::optional<ShardId> ParseShardId(absl::string_view text);
std::optional<OperationId> ParseOperationId(absl::string_view text);
std::optional<ThreadId> ParseThreadId(absl::string_view text);

}  // namespace shardd
