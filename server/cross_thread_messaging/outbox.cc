#include "server/cross_thread_messaging/outbox.h"

#include <algorithm>
#include <iterator>

#include "server/base/check.h"
#include "server/base/limits.h"

namespace shardd {

Outbox::Bounds Outbox::DefaultBounds() {
  return {.messages_max = limits::kOutboxMessagesMax,
          .bytes_max = limits::kOutboxBytesMax,
          .in_flight_max = limits::kOutboxInFlightMax,
          .pair_in_flight_max = limits::kOutboxPairInFlightMax,
          .rest_min = limits::kOutboxRestMin,
          .rest_max = limits::kOutboxRestMax};
}

absl::Time Outbox::FullUntil(const AccountRef& receiver) const {
  const auto found = full_until_.find(receiver);
  return found == full_until_.end() ? absl::InfinitePast() : found->second;
}

SendNumber Outbox::Newest(const MessagePair& pair) const {
  const auto lane = lanes_.find(pair);
  return lane == lanes_.end() ? SendNumber() : lane->second.items.back().number;
}

void Outbox::Add(const MessagePair& pair, SendNumber number, size_t bytes, absl::Time sent) {
  const auto lane = lanes_.try_emplace(pair).first;
  std::deque<Item>& items = lane->second.items;
  SHARDD_CHECK(items.empty() || items.back().number < number);
  items.push_back({number, bytes, ages_.insert(ages_.end(), sent)});
  ++count_;
  bytes_ += bytes;
  Queue(lane);
}

bool Outbox::CanGo(const Lane& lane) const {
  return !lane.refused && lane.gone < lane.items.size() &&
         lane.unanswered < bounds_.pair_in_flight_max;
}

void Outbox::Queue(Lanes::iterator lane) {
  if (lane->second.queued || !CanGo(lane->second)) return;
  lane->second.queued = true;
  ready_.push_back(lane);
}

std::optional<Outbox::Dispatch> Outbox::Next(absl::Time now) {
  while (!resting_.empty() && resting_.begin()->first <= now) {
    EndRest(lanes_.find(resting_.begin()->second));
  }
  while (!ready_.empty() && in_flight_ < bounds_.in_flight_max) {
    const auto lane = ready_.front();
    ready_.pop_front();
    Lane& state = lane->second;
    state.queued = false;
    if (!CanGo(state)) continue;  // one was turned away meanwhile
    const SendNumber number = state.items[state.gone].number;
    ++state.gone;
    ++state.unanswered;
    ++in_flight_;
    Queue(lane);
    return Dispatch{lane->first, number};
  }
  return std::nullopt;
}

bool Outbox::Settle(const MessagePair& pair, SendNumber number, DeliveryOutcome outcome,
                    absl::Time now) {
  const auto lane = lanes_.find(pair);
  if (lane == lanes_.end()) return false;
  Lane& state = lane->second;
  const auto gone_end = state.items.begin() + static_cast<ptrdiff_t>(state.gone);
  const auto item = std::find_if(state.items.begin(), gone_end,
                                 [&](const Item& i) { return i.number == number; });
  if (item == gone_end) return false;
  SHARDD_CHECK(state.unanswered > 0);
  --state.unanswered;
  --in_flight_;
  if (outcome == DeliveryOutcome::kTaken) {
    full_until_.erase(pair.receiver);
    state.rest = absl::ZeroDuration();
    Forget(lane, item);
  } else {
    state.refused = true;
    state.full = state.full || outcome == DeliveryOutcome::kMailboxFull;
  }
  if (state.items.empty()) {
    lanes_.erase(lane);
  } else if (state.refused && state.unanswered == 0) {
    Rest(lane, now);
  } else {
    Queue(lane);
  }
  return true;
}

void Outbox::Forget(Lanes::iterator lane, std::deque<Item>::iterator item) {
  --count_;
  bytes_ -= item->bytes;
  ages_.erase(item->age);
  --lane->second.gone;
  lane->second.items.erase(item);
}

void Outbox::Rest(Lanes::iterator lane, absl::Time now) {
  Lane& state = lane->second;
  state.gone = 0;
  state.rest = std::clamp(state.rest * 2, bounds_.rest_min, bounds_.rest_max);
  state.rests_until = now + state.rest;
  StayAtRest(lane);
}

void Outbox::StayAtRest(Lanes::iterator lane) {
  const Lane& state = lane->second;
  resting_.emplace(state.rests_until, lane->first);
  if (!state.full) return;
  absl::Time& until = full_until_.try_emplace(lane->first.receiver).first->second;
  until = std::max(until, state.rests_until);
}

void Outbox::EndRest(Lanes::iterator lane) {
  SHARDD_CHECK(lane != lanes_.end());
  Lane& state = lane->second;
  resting_.erase({state.rests_until, lane->first});
  if (state.full) full_until_.erase(lane->first.receiver);
  state.refused = false;
  state.full = false;
  Queue(lane);
}

absl::Time Outbox::wake_at() const {
  return resting_.empty() ? absl::InfiniteFuture() : resting_.begin()->first;
}

Outbox Outbox::Release(const KeyRange& range) {
  const auto goes = [&](Lanes::iterator lane) {
    return range.Contains(lane->first.sender.routing_key());
  };
  std::erase_if(ready_, goes);
  Outbox released(bounds_);
  for (auto lane = lanes_.begin(); lane != lanes_.end();) {
    const auto next = std::next(lane);
    if (goes(lane)) {
      Lane& state = lane->second;
      for (Item& item : state.items) {
        bytes_ -= item.bytes;
        item.age = released.ages_.insert(ages_.extract(item.age));
      }
      count_ -= state.items.size();
      in_flight_ -= state.unanswered;
      resting_.erase({state.rests_until, lane->first});
      if (state.full) full_until_.erase(lane->first.receiver);
      released.Adopt(lanes_.extract(lane));
    }
    lane = next;
  }
  return released;
}

void Outbox::Take(Outbox other) {
  ages_.merge(other.ages_);  // what points into it goes on to
  while (!other.lanes_.empty()) Adopt(other.lanes_.extract(other.lanes_.begin()));
}

void Outbox::Adopt(Lanes::node_type node) {
  const auto added = lanes_.insert(std::move(node));
  SHARDD_CHECK(added.inserted);
  const auto lane = added.position;
  Lane& state = lane->second;
  for (const Item& item : state.items) bytes_ += item.bytes;
  count_ += state.items.size();
  in_flight_ += state.unanswered;
  state.queued = false;
  if (state.refused && state.unanswered == 0) {
    StayAtRest(lane);
  } else {
    Queue(lane);
  }
}

}  // namespace shardd
