#include "server/shard_state_operations/change_history.h"

namespace shardd {

void ChangeHistory::Add(absl::string_view account, std::shared_ptr<const AccountChange> change) {
  const size_t bytes = account.size() + change->ByteSize();
  bytes_ += bytes;
  items_.push_back(Item{std::string(account), std::move(change), bytes});
  while (items_.size() > changes_max_ || bytes_ > bytes_max_) {
    bytes_ -= items_.front().bytes;
    items_.pop_front();
  }
}

std::optional<std::vector<std::shared_ptr<const AccountChange>>> ChangeHistory::Find(
    absl::string_view account, uint64_t first, uint64_t last) const {
  std::vector<std::shared_ptr<const AccountChange>> found;
  for (const Item& item : items_) {
    const uint64_t revision = item.change->revision;
    if (item.account == account && revision >= first && revision <= last) {
      found.push_back(item.change);
    }
  }
  // Each revision is one change, so a full run has exactly this many.
  if (found.size() != last - first + 1) return std::nullopt;
  return found;
}

}  // namespace shardd
