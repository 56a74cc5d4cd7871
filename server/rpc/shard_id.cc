#include "server/rpc/shard_id.h"

#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/routing/table_edits.h"

namespace shardd::rpc {
namespace {

// The merge that ended a shard; nullptr if none is known.
std::shared_ptr<const TableChange> EndOf(const Lineage& lineage, ShardId shard) {
  for (auto change = lineage.rbegin(); change != lineage.rend(); ++change) {
    if ((*change)->kind != OperationKind::kMerge) continue;
    for (const Route& removed : (*change)->diff.removed) {
      if (removed.shard == shard) return *change;
    }
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<ShardId> ShardIdFrom(absl::string_view field, absl::string_view text) {
  const std::optional<ShardId> id = ParseShardId(text);
  if (id.has_value()) return *id;
  return InvalidField(field, "is not the id of a shard; they look like s-0001");
}

absl::Status CheckShard(const Runtime& runtime, ShardId shard) {
  const bool known = runtime.tables()->current()->FindShard(shard) != nullptr;
  return known ? absl::OkStatus() : ShardIsGone(runtime, shard);
}

absl::Status ShardIsGone(const Runtime& runtime, ShardId shard) {
  const std::shared_ptr<const TableChange> end = EndOf(*runtime.lineage(), shard);
  if (end == nullptr || end->diff.added.empty()) return ShardNotFound(shard);
  const std::string survivor = ToText(end->diff.added.front().shard);
  const std::string epoch = absl::StrCat(end->diff.epoch.value);
  const absl::Status gone = Error(Reason::kShardNotFound,
                                  absl::StrCat("shard ", ToText(shard), " is no more: merged into ",
                                               survivor, " at epoch ", epoch));
  return WithMetadata(WithMetadata(gone, "merged_into", survivor), "epoch", epoch);
}

}  // namespace shardd::rpc
