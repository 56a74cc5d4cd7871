// Plan: one message at every bound of what decides about it: mark, order, receiver, hops, time,
// room.
#include "server/cross_thread_messaging/taking_in.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>

namespace shardd {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1000);
constexpr MailboxBounds kMailbox = {.messages_max = 3, .bytes_max = 100, .hops_max = 8};

struct Situation {
  Message message;
  std::optional<MarkRecord> mark;
  ReceiverState receiver{.exists = true, .message_count = 0, .byte_count = 0};
};

struct Row {
  const char* name;
  std::function<void(Situation&)> change;
  TakingIn what;
  std::optional<UndeliverableReason> reason;
};

MarkRecord Mark(SendNumber number) { return {number, kNow}; }

const Row kRows[] = {
    {"the first of a sender", [](Situation&) {}, TakingIn::kReceivable, {}},
    {"above the mark", [](Situation& s) { s.mark = Mark({9, 9}); }, TakingIn::kReceivable, {}},
    {"at the mark", [](Situation& s) { s.mark = Mark({10, 1}); }, TakingIn::kTakenBefore, {}},
    {"below the mark", [](Situation& s) { s.mark = Mark({11, 0}); }, TakingIn::kTakenBefore, {}},
    {"a repeat to an account that is gone",
     [](Situation& s) {
       s.mark = Mark({10, 1});
       s.receiver.exists = false;
     },
     TakingIn::kTakenBefore,
     {}},
    {"the one before it is here",
     [](Situation& s) {
       s.message.after = {10, 0};
       s.mark = Mark({10, 0});
     },
     TakingIn::kReceivable,
     {}},
    {"the one before it is not",
     [](Situation& s) {
       s.message.after = {10, 0};
       s.mark = Mark({9, 0});
     },
     TakingIn::kOutOfOrder,
     {}},
    {"none is, and there was one before it",
     [](Situation& s) { s.message.after = {10, 0}; }, TakingIn::kOutOfOrder, {}},
    {"out of order to nobody",
     [](Situation& s) {
       s.message.after = {10, 0};
       s.receiver.exists = false;
     },
     TakingIn::kOutOfOrder,
     {}},
    {"to nobody", [](Situation& s) { s.receiver.exists = false; }, TakingIn::kUndeliverable,
     UndeliverableReason::kNoAccount},
    {"as many hops as may be", [](Situation& s) { s.message.hops = 8; }, TakingIn::kReceivable, {}},
    {"one more", [](Situation& s) { s.message.hops = 9; }, TakingIn::kUndeliverable,
     UndeliverableReason::kTooManyHops},
    {"just in time", [](Situation& s) { s.message.expire_time = kNow + absl::Nanoseconds(1); },
     TakingIn::kReceivable, {}},
    {"too late", [](Situation& s) { s.message.expire_time = kNow; }, TakingIn::kUndeliverable,
     UndeliverableReason::kExpired},
    {"room for one more", [](Situation& s) { s.receiver.message_count = 2; },
     TakingIn::kReceivable, {}},
    {"room for none", [](Situation& s) { s.receiver.message_count = 3; }, TakingIn::kMailboxFull,
     {}},
    {"just enough bytes", [](Situation& s) { s.receiver.byte_count = 95; }, TakingIn::kReceivable,
     {}},
    {"one byte too many", [](Situation& s) { s.receiver.byte_count = 96; },
     TakingIn::kMailboxFull, {}},
    {"too late for a full mailbox",
     [](Situation& s) {
       s.receiver.message_count = 3;
       s.message.expire_time = kNow;
     },
     TakingIn::kUndeliverable,
     UndeliverableReason::kMailboxFull},
    {"to be received now", [](Situation& s) { s.message.deliver_time = kNow; },
     TakingIn::kReceivable, {}},
    {"to be received later",
     [](Situation& s) { s.message.deliver_time = kNow + absl::Nanoseconds(1); },
     TakingIn::kDelayed, {}},
    {"later, but there is no room",
     [](Situation& s) {
       s.message.deliver_time = kNow + absl::Seconds(1);
       s.receiver.message_count = 3;
     },
     TakingIn::kMailboxFull,
     {}},
};

TEST(TakingInTest, EveryBound) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.name);
    Situation situation;
    situation.message.number = {10, 1};
    situation.message.payload = "12345";
    row.change(situation);
    const TakingInDecision decision = DecideTakingIn(situation.message, situation.mark,
                                                     situation.receiver, kMailbox, kNow);
    EXPECT_EQ(decision.what, row.what);
    if (row.reason.has_value()) {
      EXPECT_EQ(decision.reason, *row.reason);
    }
  }
}

}  // namespace
}  // namespace shardd
