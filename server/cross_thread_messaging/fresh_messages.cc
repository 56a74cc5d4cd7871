#include "server/cross_thread_messaging/fresh_messages.h"

#include "server/base/check.h"

namespace shardd {

size_t FreshMessages::Weight(const Message& message) { return sizeof(Message) + message.ByteSize(); }

void FreshMessages::Add(RoutingKey key, uint64_t number, Message message) {
  const Place place(key, number);
  const size_t weight = Weight(message);
  // Two accounts with one routing key: the first has the place.
  if (weight > bytes_max_ || places_.contains(place)) return;
  bytes_ += weight;
  places_.emplace(place, messages_.emplace(messages_.end(), place, std::move(message)));
  while (bytes_ > bytes_max_) {
    const auto [oldest_key, oldest_number] = messages_.front().first;
    Forget(oldest_key, oldest_number);
  }
}

const Message* FreshMessages::Find(const AccountRef& receiver, RoutingKey key,
                                   uint64_t number) const {
  const auto found = places_.find(Place(key, number));
  if (found == places_.end()) return nullptr;
  const Message& message = found->second->second;
  return message.receiver == receiver ? &message : nullptr;
}

Message FreshMessages::Take(RoutingKey key, uint64_t number) {
  const auto found = places_.find(Place(key, number));
  SHARDD_CHECK(found != places_.end());
  const Messages::iterator taken = found->second;
  Message message = std::move(taken->second);
  bytes_ -= Weight(message);
  places_.erase(found);
  messages_.erase(taken);
  return message;
}

void FreshMessages::Clear() {
  bytes_ = 0;
  places_.clear();
  messages_.clear();
}

void FreshMessages::Forget(RoutingKey key, uint64_t number) {
  if (places_.contains(Place(key, number))) Take(key, number);
}

}  // namespace shardd
