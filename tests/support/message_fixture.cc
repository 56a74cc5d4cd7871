#include "tests/support/message_fixture.h"

#include <iterator>
#include <utility>

#include "server/routing/undeliverable.h"
#include "tests/support/status_matchers.h"

namespace shardd {

MessageFixture::MessageFixture() {
  EXPECT_THAT(PutEntry(sender_, "k", "v"), IsOk());
  EXPECT_THAT(PutEntry(receiver_, "k", "v"), IsOk());
}

ApplyRequest MessageFixture::SendRequest(const std::vector<std::string>& payloads,
                                         const AccountRef& receiver) const {
  ApplyRequest request;
  request.account = sender_;
  for (const std::string& payload : payloads) {
    Send send;
    send.receiver = receiver;
    send.payload = payload;
    request.sends.push_back(std::move(send));
  }
  return request;
}

TurnResult MessageFixture::RunApply(ApplyRequest request) {
  std::vector<ShardRequest> requests(1);
  requests[0].call = CallId{1000, 0};
  requests[0].body = std::move(request);
  return Turn(std::move(requests));
}

TurnResult MessageFixture::PassOn(std::vector<ShardRequestBody> bodies) {
  std::vector<ShardRequest> requests(bodies.size());
  for (size_t i = 0; i < bodies.size(); ++i) requests[i].body = std::move(bodies[i]);
  return Turn(std::move(requests));
}

TurnResult MessageFixture::Settle(TurnResult turn) {
  while (!turn.passed_on.empty()) {
    std::vector<ShardEffect> others = std::move(turn.others);
    turn = PassOn(std::move(turn.passed_on));
    turn.others.insert(turn.others.begin(), std::make_move_iterator(others.begin()),
                       std::make_move_iterator(others.end()));
  }
  return turn;
}

std::vector<std::string> MessageFixture::Stored(MessageRecordType type) const {
  std::vector<std::string> payloads;
  const auto cursor = store().NewCursor(storage::kMessages, MessageBounds(type, whole_.range));
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    const auto key = ParseMessageKey(cursor->key());
    EXPECT_THAT(key, IsOk());
    if (type == MessageRecordType::kAttempts) {
      payloads.push_back("attempts");
      continue;
    }
    if (type == MessageRecordType::kUndeliverable) {
      const auto record = UndeliverableRecord::Decode(cursor->value());
      EXPECT_THAT(record, IsOk());
      payloads.push_back(std::string(ToText(record->reason)));
      continue;
    }
    const auto message = type == MessageRecordType::kOutbox
                             ? DecodeOutbox(cursor->value())
                             : DecodeMessage(key->account, cursor->value());
    EXPECT_THAT(message, IsOk());
    payloads.push_back(message->payload);
  }
  return payloads;
}

}  // namespace shardd
