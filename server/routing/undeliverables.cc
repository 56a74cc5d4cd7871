#include "server/routing/undeliverables.h"

#include <iterator>

#include "server/base/check.h"

namespace shardd {

void Undeliverables::Add(const AccountRef& receiver, std::string own_key, const Item& item) {
  Remove(receiver, own_key);
  receivers_[receiver].emplace(std::move(own_key), item);
  times_.insert(item.first_time);
  ++count_;
  bytes_ += item.bytes;
}

void Undeliverables::Remove(const AccountRef& receiver, absl::string_view own_key) {
  const auto items = receivers_.find(receiver);
  if (items == receivers_.end()) return;
  const auto item = items->second.find(own_key);
  if (item == items->second.end()) return;
  times_.erase(times_.find(item->second.first_time));
  --count_;
  bytes_ -= item->second.bytes;
  items->second.erase(item);
  if (items->second.empty()) receivers_.erase(items);
}

std::vector<std::string> Undeliverables::Awaiting(const AccountRef& receiver,
                                                  size_t count_max) const {
  std::vector<std::string> own_keys;
  const auto items = receivers_.find(receiver);
  if (items == receivers_.end()) return own_keys;
  for (const auto& [own_key, item] : items->second) {
    if (own_keys.size() == count_max) break;
    if (item.awaits_receiver) own_keys.push_back(own_key);
  }
  return own_keys;
}

std::vector<AccountRef> Undeliverables::Awaited() const {
  std::vector<AccountRef> awaited;
  for (const auto& [receiver, items] : receivers_) {
    if (!Awaiting(receiver, 1).empty()) awaited.push_back(receiver);
  }
  return awaited;
}

void Undeliverables::Count(const Items& items, bool added) {
  for (const auto& [own_key, item] : items) {
    if (added) {
      times_.insert(item.first_time);
      ++count_;
      bytes_ += item.bytes;
    } else {
      times_.erase(times_.find(item.first_time));
      --count_;
      bytes_ -= item.bytes;
    }
  }
}

Undeliverables Undeliverables::Release(const KeyRange& range) {
  Undeliverables released(bounds_);
  for (auto receiver = receivers_.begin(); receiver != receivers_.end();) {
    const auto next = std::next(receiver);
    if (range.Contains(receiver->first.routing_key())) {
      Count(receiver->second, /*added=*/false);
      released.Count(receiver->second, /*added=*/true);
      released.receivers_.insert(receivers_.extract(receiver));
    }
    receiver = next;
  }
  return released;
}

void Undeliverables::Take(Undeliverables other) {
  for (const auto& [receiver, items] : other.receivers_) Count(items, /*added=*/true);
  receivers_.merge(other.receivers_);
  SHARDD_CHECK(other.receivers_.empty());
}

}  // namespace shardd
