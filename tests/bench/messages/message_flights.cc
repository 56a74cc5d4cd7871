#include "tests/bench/messages/message_flights.h"

#include <cstring>

#include "absl/strings/str_cat.h"

namespace shardd::bench {
namespace {

constexpr size_t kNumberBytes = sizeof(uint64_t);

absl::Status WrongMessage(uint64_t number, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("message ", number, " ", what));
}

}  // namespace

bool MessageFlights::Next(Message& message) {
  const MeterClock::time_point now = MeterClock::now();
  if (under_way_.size() >= in_flight_max_ || meter_.Over(now)) return false;
  message.number = sent_++;
  const uint64_t receiver = dataset_.RandomAccount();
  const absl::string_view random = dataset_.RandomValue().substr(kNumberBytes);
  under_way_[message.number] = {now, receiver, random};
  message.sender = dataset_.RandomId();
  message.receiver = Dataset::Id(receiver);
  message.payload.assign(reinterpret_cast<const char*>(&message.number), kNumberBytes);
  message.payload.append(random.data(), random.size());
  return true;
}

absl::StatusOr<uint64_t> MessageFlights::Received(absl::string_view receiver,
                                                  absl::string_view payload) {
  uint64_t number = 0;
  if (payload.size() < kNumberBytes) return absl::DataLossError("a message without a number came");
  std::memcpy(&number, payload.data(), kNumberBytes);
  const auto found = under_way_.find(number);
  if (found == under_way_.end()) return WrongMessage(number, "came, and is not under way");
  Flight& flight = found->second;
  if (flight.received) return WrongMessage(number, "came twice");
  if (receiver != Dataset::Id(flight.receiver)) return WrongMessage(number, "came to another");
  if (payload.substr(kNumberBytes) != flight.random) {
    return WrongMessage(number, "is not what was sent");
  }
  flight.received = true;
  return number;
}

absl::Status MessageFlights::Committed(uint64_t number) {
  const auto found = under_way_.find(number);
  if (found == under_way_.end() || !found->second.received) {
    return WrongMessage(number, "was committed, and not received before");
  }
  meter_.Record(found->second.started, MeterClock::now(), 1);
  under_way_.erase(found);
  return absl::OkStatus();
}

}  // namespace shardd::bench
