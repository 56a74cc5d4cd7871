#include "server/shard_state_operations/change_history.h"

#include <utility>

#include "server/base/check.h"
#include "server/base/codec.h"

namespace shardd {
namespace {

constexpr uint8_t kCreated = 1;
constexpr uint8_t kDeleted = 2;
constexpr uint8_t kUpdated = 4;

// In memory only, so the layout is free to change.
std::string Encode(absl::string_view account, const AccountChange& change) {
  ByteWriter writer(account.size() + change.ByteSize());
  writer.Bytes(account).Varint(change.revision);
  writer.Byte((change.created ? kCreated : 0) | (change.deleted ? kDeleted : 0) |
              (change.updated ? kUpdated : 0));
  writer.Varint(change.entries.size());
  for (const EntryChange& entry : change.entries) {
    writer.Bytes(entry.key).Byte(entry.value.has_value());
    if (entry.value.has_value()) writer.Bytes(*entry.value);
  }
  return writer.Take();
}

// What follows account and revision.
AccountChange DecodeRest(uint64_t revision, ByteReader& reader) {
  AccountChange change;
  change.revision = revision;
  const uint8_t flags = reader.Byte();
  change.created = (flags & kCreated) != 0;
  change.deleted = (flags & kDeleted) != 0;
  change.updated = (flags & kUpdated) != 0;
  change.entries.resize(reader.Varint());
  for (EntryChange& entry : change.entries) {
    entry.key = std::string(reader.Bytes());
    if (reader.Byte() != 0) entry.value = std::string(reader.Bytes());
  }
  SHARDD_CHECK(reader.Done());
  return change;
}

}  // namespace

void ChangeHistory::Add(absl::string_view account, const AccountChange& change) {
  items_.push_back(Encode(account, change));
  bytes_ += items_.back().size();
  Trim();
}

void ChangeHistory::Trim() {
  while (items_.size() > changes_max_ || bytes_ > bytes_max_) {
    bytes_ -= items_.front().size();
    items_.pop_front();
  }
}

ChangeHistory ChangeHistory::Extract(
    const std::function<bool(absl::string_view account)>& moves) {
  ChangeHistory moved(changes_max_, bytes_max_);
  std::deque<std::string> kept;
  for (std::string& item : items_) {
    (moves(ByteReader(item).Bytes()) ? moved.items_ : kept).push_back(std::move(item));
  }
  items_ = std::move(kept);
  for (const std::string& item : moved.items_) moved.bytes_ += item.size();
  bytes_ -= moved.bytes_;
  return moved;
}

void ChangeHistory::Append(ChangeHistory other) {
  for (std::string& item : other.items_) {
    bytes_ += item.size();
    items_.push_back(std::move(item));
  }
  Trim();
}

std::optional<std::vector<std::shared_ptr<const AccountChange>>> ChangeHistory::Find(
    absl::string_view account, uint64_t first, uint64_t last) const {
  std::vector<std::shared_ptr<const AccountChange>> found;
  for (const std::string& item : items_) {
    ByteReader reader(item);
    if (reader.Bytes() != account) continue;
    const uint64_t revision = reader.Varint();
    if (revision < first || revision > last) continue;
    found.push_back(std::make_shared<const AccountChange>(DecodeRest(revision, reader)));
  }
  // Each revision is one change, so a full run has exactly this many.
  if (found.size() != last - first + 1) return std::nullopt;
  return found;
}

}  // namespace shardd
