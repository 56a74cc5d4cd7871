#include "server/runtime/shard_mailbox.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "server/base/check.h"

namespace shardd {
namespace {

// Takes the requests for the range out of an item; those for each owner are copied.
ShardMailbox::Item TakeFrom(ShardMailbox::Item& item, const KeyRange& range) {
  ShardMailbox::Item taken;
  ShardMailbox::Item kept;
  for (ShardRequest& request : item) {
    const AccountRef* const account = AccountOf(request.body);
    if (IsForEachOwner(request.body)) {
      taken.push_back(request);
      kept.push_back(std::move(request));
    } else if (account != nullptr && range.Contains(account->routing_key())) {
      taken.push_back(std::move(request));
    } else {
      kept.push_back(std::move(request));
    }
  }
  item = std::move(kept);
  return taken;
}

// Later than any table.
constexpr TableEpoch kNever{UINT64_MAX};

}  // namespace

void ShardMailbox::Notify() {
  if (waiting_) ready_.NotifyOne();
}

void ShardMailbox::NoteWaiting() {
  if (!commands_.empty() || (wants_items_ && !items_.empty())) {
    if (!waiting_work_->since().has_value()) waiting_work_->Begin(clock_.Now());
  } else {
    waiting_work_->End();
  }
}

ShardMailbox::Weight ShardMailbox::WeightOf(const Item& item) {
  Weight weight;
  for (const ShardRequest& request : item) {
    const size_t bytes = MailboxWeight(request.body);
    weight.items += bytes > 0 ? 1 : 0;
    weight.bytes += bytes;
  }
  return weight;
}

void ShardMailbox::Count(const Weight& weight) {
  depth_ += weight.items;
  bytes_ += weight.bytes;
  if (items_.empty()) oldest_ = clock_.Now();
}

ShardMailbox::PushResult ShardMailbox::Add(Item& item, const Weight& weight) {
  if (closed_) return PushResult::kClosed;
  // What has no weight is never refused for want of room.
  const bool full =
      depth_ + weight.items > limits_.items_max || bytes_ + weight.bytes > limits_.bytes_max;
  if (full && weight.items > 0) {
    meter_.AddRefused(weight.items);
    return PushResult::kFull;
  }
  Count(weight);
  items_.push_back(std::move(item));
  NoteWaiting();
  if (wants_items_) Notify();
  return PushResult::kAccepted;
}

ShardMailbox::PushResult ShardMailbox::Push(Item&& item, TableEpoch table) {
  const Weight weight = WeightOf(item);
  MutexLock lock(mutex_);
  if (table < since_) return PushResult::kMoved;
  return Add(item, weight);
}

ShardMailbox::PushResult ShardMailbox::PushAnyway(Item&& item) {
  const Weight weight = WeightOf(item);
  MutexLock lock(mutex_);
  return Add(item, weight);
}

void ShardMailbox::PushCommand(ShardCommand command) {
  MutexLock lock(mutex_);
  if (closed_) return;
  commands_.push_back(std::move(command));
  NoteCommands();
  NoteWaiting();
  Notify();
}

void ShardMailbox::PushMessage(ShardRequestBody body) {
  Item item(1);
  item[0].body = std::move(body);
  const Weight weight = WeightOf(item);
  MutexLock lock(mutex_);
  static_cast<void>(Add(item, weight));  // weightless; refused only when closed
}

bool ShardMailbox::Pop(Mail& out, bool take_items, absl::Time wake_at) {
  MutexLock lock(mutex_);
  wants_items_ = take_items;
  NoteWaiting();
  while (commands_.empty() && !(take_items && !items_.empty()) && !closed_) {
    const absl::Duration left =
        wake_at == absl::InfiniteFuture() ? absl::InfiniteDuration() : wake_at - clock_.Now();
    if (left <= absl::ZeroDuration()) break;
    waiting_ = true;
    ready_.WaitFor(mutex_, left);
    waiting_ = false;
  }
  out.commands.swap(commands_);
  NoteCommands();
  if (out.commands.empty() && (take_items || closed_)) {
    out.items.swap(items_);
    out.oldest = std::exchange(oldest_, absl::InfiniteFuture());
    depth_ = 0;
    bytes_ = 0;
  }
  NoteWaiting();
  return !(closed_ && out.commands.empty() && out.items.empty());
}

void ShardMailbox::NoteCommands() {
  absorb_waits_.store(!commands_.empty() && std::holds_alternative<Absorb>(commands_.front()),
                      std::memory_order_release);
}

std::optional<Absorb> ShardMailbox::PopAbsorb() {
  if (!absorb_waits_.load(std::memory_order_acquire)) return std::nullopt;
  MutexLock lock(mutex_);
  // Only who pops takes any out.
  Absorb absorb = std::get<Absorb>(std::move(commands_.front()));
  commands_.erase(commands_.begin());
  NoteCommands();
  NoteWaiting();
  return absorb;
}

void ShardMailbox::Close() {
  MutexLock lock(mutex_);
  closed_ = true;
  ready_.NotifyOne();
}

bool ShardMailbox::Waits(bool take_items) const {
  MutexLock lock(mutex_);
  return !commands_.empty() || (!items_.empty() && (take_items || closed_));
}

size_t ShardMailbox::depth() const {
  MutexLock lock(mutex_);
  return depth_;
}

absl::Time ShardMailbox::oldest() const {
  MutexLock lock(mutex_);
  return oldest_;
}

ShardMailbox::Taken ShardMailbox::TakeRange(const KeyRange& range, TableEpoch since) {
  MutexLock lock(mutex_);
  since_ = since;
  Taken taken;
  taken.oldest = oldest_;
  std::vector<Item> items = std::exchange(items_, {});
  depth_ = 0;
  bytes_ = 0;
  for (Item& item : items) {
    Item part = TakeFrom(item, range);
    if (!part.empty()) taken.items.push_back(std::move(part));
    if (item.empty()) continue;
    Count(WeightOf(item));
    items_.push_back(std::move(item));
  }
  oldest_ = items_.empty() ? absl::InfiniteFuture() : taken.oldest;
  NoteWaiting();
  return taken;
}

ShardMailbox::Taken ShardMailbox::TakeAll() {
  MutexLock lock(mutex_);
  since_ = kNever;
  depth_ = 0;
  bytes_ = 0;
  Taken taken{std::exchange(items_, {}), std::exchange(oldest_, absl::InfiniteFuture())};
  NoteWaiting();
  return taken;
}

void ShardMailbox::Append(Taken taken, TableEpoch since) {
  MutexLock lock(mutex_);
  since_ = since;
  for (Item& item : taken.items) {
    Count(WeightOf(item));
    items_.push_back(std::move(item));
  }
  // After Count, which takes what comes first for the oldest.
  if (!taken.items.empty()) oldest_ = std::min(oldest_, taken.oldest);
  NoteWaiting();
  if (wants_items_ && !items_.empty()) Notify();
}

void ShardMailboxes::Add(const KeyRange& range, std::shared_ptr<ShardMailbox> mailbox) {
  MutexLock lock(mutex_);
  owners_[range.start] = std::move(mailbox);
}

const std::shared_ptr<ShardMailbox>& ShardMailboxes::OwnerOf(RoutingKey key) const {
  const auto after = owners_.upper_bound(key);
  SHARDD_CHECK(after != owners_.begin());
  return std::prev(after)->second;
}

std::vector<ShardMailboxes::Refused> ShardMailboxes::Push(ShardMailbox& mailbox,
                                                          ShardMailbox::Item requests,
                                                          TableEpoch table) {
  const ShardMailbox::PushResult pushed = mailbox.Push(std::move(requests), table);
  if (pushed == ShardMailbox::PushResult::kAccepted) return {};
  if (pushed == ShardMailbox::PushResult::kMoved) return PushByOwner(std::move(requests));
  std::vector<Refused> refused;
  refused.push_back({std::move(requests), pushed});
  return refused;
}

std::vector<ShardMailboxes::Refused> ShardMailboxes::PushByOwner(ShardMailbox::Item requests) {
  MutexLock lock(mutex_);
  std::vector<std::pair<ShardMailbox*, ShardMailbox::Item>> parts;
  for (ShardRequest& request : requests) {
    ShardMailbox* const owner = OwnerOf(AccountOf(request.body)->routing_key()).get();
    auto part = std::find_if(parts.begin(), parts.end(),
                             [owner](const auto& other) { return other.first == owner; });
    if (part == parts.end()) part = parts.insert(part, {owner, {}});
    part->second.push_back(std::move(request));
  }
  std::vector<Refused> refused;
  for (auto& [owner, part] : parts) {
    const ShardMailbox::PushResult pushed = owner->PushAnyway(std::move(part));
    if (pushed != ShardMailbox::PushResult::kAccepted) refused.push_back({std::move(part), pushed});
  }
  return refused;
}

void ShardMailboxes::PushMessage(const KeyRange& range, const ShardRequestBody& body) {
  MutexLock lock(mutex_);
  // From the owner of the first key on.
  for (auto owner = std::prev(owners_.upper_bound(range.start)); owner != owners_.end(); ++owner) {
    if (range.end.has_value() && owner->first >= *range.end) break;
    owner->second->PushMessage(body);
  }
}

void ShardMailboxes::Split(const std::shared_ptr<ShardMailbox>& from, const KeyRange& range,
                           std::shared_ptr<ShardMailbox> to, TableEpoch since) {
  MutexLock lock(mutex_);
  SHARDD_CHECK(OwnerOf(range.start) == from);
  to->Append(from->TakeRange(range, since), since);
  owners_[range.start] = std::move(to);
}

void ShardMailboxes::Merge(const std::shared_ptr<ShardMailbox>& from,
                           const std::shared_ptr<ShardMailbox>& to, TableEpoch since) {
  MutexLock lock(mutex_);
  // Two neighbours: the later of their two entries goes.
  auto first = std::find_if(owners_.begin(), owners_.end(), [&](const auto& owner) {
    return owner.second == from || owner.second == to;
  });
  SHARDD_CHECK(first != owners_.end());
  const auto second = std::next(first);
  SHARDD_CHECK(second != owners_.end() && second->second != first->second &&
               (second->second == from || second->second == to));
  to->Append(from->TakeAll(), since);
  first->second = to;
  owners_.erase(second);
}

}  // namespace shardd
