// Plan: send every kind of request twice under one request_id, refused ones too, and let time and
// numbers pass; each id takes effect at most once and a repeat gets the first answer.

#include <functional>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/core/shard_core.h"
#include "tests/support/shard_fixture.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

const AccountRef kOutcomeAccount{"ns", "account"};

class OutcomesTest : public ShardFixture {
 protected:
  ApplyRequest Add(std::string request_id, int64_t delta = 1) {
    return {.account = kOutcomeAccount,
            .request_id = std::move(request_id),
            .create_account = true,
            .mutations = {AddInteger{"n", delta}}};
  }
  RequestOutcome OutcomeOf(const std::string& request_id) {
    const absl::StatusOr<OutcomeResult> result = Outcome(kOutcomeAccount, request_id);
    EXPECT_THAT(result, IsOk());
    return result.ok() ? result->outcome : RequestOutcome::kUnknown;
  }
  // A day and a bit, in which nobody writes.
  void LetRetentionPass() { now_ += limits::kOutcomeRetention + absl::Seconds(1); }
  // Runs sweeps until all accounts were looked at twice.
  void Sweep() {
    for (int i = 0; i < 2; ++i) {
      now_ += limits::kSweepRestInterval;
      Turn({});
    }
  }
};

TEST_F(OutcomesTest, ARepeatedApplyGetsTheFirstAnswer) {
  ASSERT_OK_AND_ASSIGN(const ApplyResult first, Apply(Add("r")));
  EXPECT_FALSE(first.replayed);
  ASSERT_THAT(Apply(Add("s")), IsOk());
  for (const bool restarted : {false, true}) {
    if (restarted) Restart();
    ASSERT_OK_AND_ASSIGN(const ApplyResult again, Apply(Add("r")));
    EXPECT_TRUE(again.replayed);
    EXPECT_EQ(again.revision, first.revision);
    EXPECT_EQ(again.results, first.results);
  }
  EXPECT_EQ(ValueOf(kOutcomeAccount, "n"), "2");
}

TEST_F(OutcomesTest, ARepeatInTheSameTurnGetsTheFirstAnswer) {
  std::vector<ShardRequest> requests(3);
  for (uint64_t i = 0; i < requests.size(); ++i) {
    requests[i].call = CallId{i + 1, 0};
    requests[i].body = Add("r");
  }
  const TurnResult result = Turn(requests);
  ASSERT_EQ(result.replies.size(), 3u);
  EXPECT_FALSE(std::get<ApplyResult>(*result.replies[0].answer).replayed);
  EXPECT_TRUE(std::get<ApplyResult>(*result.replies[1].answer).replayed);
  EXPECT_TRUE(std::get<ApplyResult>(*result.replies[2].answer).replayed);
  EXPECT_EQ(ValueOf(kOutcomeAccount, "n"), "1");
}

// Plan: the answers of the other kinds carry the account as it was then.
TEST_F(OutcomesTest, RepeatedAccountRequestsGetTheFirstAnswer) {
  now_ += absl::Nanoseconds(1);
  const auto same = [&](const absl::StatusOr<AccountResult>& first,
                        const std::function<absl::StatusOr<AccountResult>()>& repeat) {
    ASSERT_THAT(first, IsOk());
    now_ += absl::Seconds(1);
    for (const bool restarted : {false, true}) {
      if (restarted) Restart();
      const absl::StatusOr<AccountResult> again = repeat();
      ASSERT_THAT(again, IsOk());
      EXPECT_EQ(again->account, first->account);
      EXPECT_EQ(again->record.revision, first->record.revision);
      EXPECT_EQ(again->record.state, first->record.state);
      EXPECT_EQ(again->record.labels, first->record.labels);
      EXPECT_EQ(again->record.create_time, first->record.create_time);
      EXPECT_EQ(again->record.update_time, first->record.update_time);
    }
  };
  const CreateAccountRequest create{.account = kOutcomeAccount, .request_id = "c", .labels = {{"a", "b"}}};
  same(CreateAccount(create), [&] { return CreateAccount(create); });
  const UpdateAccountRequest update{.account = kOutcomeAccount, .request_id = "u", .labels = Labels{}};
  same(UpdateAccount(update), [&] { return UpdateAccount(update); });
  same(CreateAccount(create), [&] { return CreateAccount(create); });
  const DeleteAccountRequest remove{.account = kOutcomeAccount, .request_id = "d"};
  same(DeleteAccount(remove), [&] { return DeleteAccount(remove); });
  same(CreateAccount(create), [&] { return CreateAccount(create); });
  same(UpdateAccount(update), [&] { return UpdateAccount(update); });
  EXPECT_FALSE(RecordOf(kOutcomeAccount)->exists()) << "repeats bring nothing back";
  EXPECT_EQ(RecordOf(kOutcomeAccount)->revision, 3u);
}

TEST_F(OutcomesTest, AnotherRequestUnderTheSameIdIsRefused) {
  ASSERT_THAT(Apply(Add("r")), IsOk());
  EXPECT_THAT(Apply(Add("r", 2)), HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(CreateAccount({.account = kOutcomeAccount, .request_id = "r"}),
              HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(UpdateAccount({.account = kOutcomeAccount, .request_id = "r", .labels = Labels{}}),
              HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(DeleteAccount({.account = kOutcomeAccount, .request_id = "r"}),
              HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(Apply(Add("r")), IsOk()) << "the first one is still remembered";
  EXPECT_EQ(ValueOf(kOutcomeAccount, "n"), "1");
  ApplyRequest elsewhere = Add("r");
  elsewhere.account.id = "other";
  ASSERT_OK_AND_ASSIGN(const ApplyResult other, Apply(elsewhere));
  EXPECT_FALSE(other.replayed) << "ids belong to an account";
}

// Plan: each refusal that depends on the state is remembered with its metadata, even when the state
// would allow the request now.
TEST_F(OutcomesTest, ARefusalIsRemembered) {
  ASSERT_THAT(PutEntry(kOutcomeAccount, "text", "x"), IsOk());
  ApplyRequest condition = Add("p");
  condition.preconditions = {AccountRevisionIs{2}};
  ApplyRequest garbage = Add("g");
  garbage.mutations = {AddInteger{"text", 1}};
  for (const bool restarted : {false, true}) {
    if (restarted) Restart();
    const absl::Status refused = Apply(condition).status();
    EXPECT_THAT(refused, HasReason(Reason::kPreconditionFailed));
    EXPECT_EQ(MetadataOf(refused)["current_revision"], "1");
    EXPECT_EQ(MetadataOf(refused)["precondition"], "account_revision");
    EXPECT_THAT(Apply(garbage), HasReason(Reason::kValueNotInteger));
    EXPECT_THAT(CreateAccount({.account = kOutcomeAccount, .request_id = "c"}),
                HasReason(Reason::kAccountExists));
    ASSERT_THAT(PutEntry(kOutcomeAccount, "text", "7"), IsOk());
  }
  ASSERT_OK_AND_ASSIGN(const OutcomeResult outcome, Outcome(kOutcomeAccount, "p"));
  EXPECT_EQ(outcome.outcome, RequestOutcome::kNotApplied);
  EXPECT_THAT(outcome.refused, HasReason(Reason::kPreconditionFailed));
  EXPECT_EQ(RecordOf(kOutcomeAccount)->revision, 3u) << "remembering raises no revision";
}

TEST_F(OutcomesTest, RefusalsOfAnAccountThatNeverWasAreNotKept) {
  ApplyRequest request = Add("r");
  request.create_account = false;
  EXPECT_THAT(Apply(request), HasReason(Reason::kAccountNotFound));
  EXPECT_EQ(CountRecords(), std::vector<size_t>(4));
  EXPECT_EQ(OutcomeOf("r"), RequestOutcome::kUnknown);
  ASSERT_THAT(CreateAccount({.account = kOutcomeAccount}), IsOk());
  EXPECT_THAT(Apply(request), IsOk());
}

TEST_F(OutcomesTest, AsksWhatBecameOfARequest) {
  EXPECT_EQ(OutcomeOf("r"), RequestOutcome::kUnknown);
  ASSERT_THAT(Apply(Add("r", 5)), IsOk());
  ASSERT_OK_AND_ASSIGN(const OutcomeResult applied, Outcome(kOutcomeAccount, "r", /*forbid=*/true));
  EXPECT_EQ(applied.outcome, RequestOutcome::kApplied);
  EXPECT_EQ(applied.applied.revision, 1u);
  ASSERT_EQ(applied.applied.results.size(), 1u);
  EXPECT_EQ(applied.applied.results[0].integer, 5);
  EXPECT_EQ(OutcomeOf("r2"), RequestOutcome::kUnknown);
}

// Plan: forbid before arrival, for accounts that exist, were deleted, or never were.
TEST_F(OutcomesTest, AForbiddenRequestNeverTakesEffect) {
  for (const char* id : {"exists", "deleted", "never"}) {
    const AccountRef ref{"ns", id};
    if (ref.id != "never") {
      ASSERT_THAT(PutEntry(ref, "a", "1"), IsOk());
    }
    if (ref.id == "deleted") {
      ASSERT_THAT(DeleteAccount({.account = ref}), IsOk());
    }
    ASSERT_OK_AND_ASSIGN(const OutcomeResult forbidden, Outcome(ref, "r", /*forbid=*/true));
    EXPECT_EQ(forbidden.outcome, RequestOutcome::kNotApplied) << id;
    EXPECT_THAT(forbidden.refused, HasReason(Reason::kRequestForbidden)) << id;
    for (const bool restarted : {false, true}) {
      if (restarted) Restart();
      EXPECT_THAT(PutEntry(ref, "a", "late", "r"), HasReason(Reason::kRequestForbidden)) << id;
      EXPECT_THAT(CreateAccount({.account = ref, .request_id = "r"}),
                  HasReason(Reason::kRequestForbidden))
          << id;
    }
    ASSERT_OK_AND_ASSIGN(const OutcomeResult again, Outcome(ref, "r"));
    EXPECT_EQ(again.outcome, RequestOutcome::kNotApplied) << id;
    EXPECT_THAT(PutEntry(ref, "a", "2", "s"), IsOk()) << id;
    EXPECT_THAT(PutEntry(ref, "a", "late", "r"), HasReason(Reason::kRequestForbidden)) << id;
  }
}

// Plan: five outcomes with room for three: the three newest are kept, in the store too.
TEST_F(OutcomesTest, KeptByCount) {
  Restart({.outcomes_per_account = 3, .outcome_age_min = absl::ZeroDuration()});
  for (const char* id : {"1", "2", "3", "4", "5"}) ASSERT_THAT(Apply(Add(id)), IsOk());
  EXPECT_EQ(CountRecords(), (std::vector<size_t>{1, 1, 3, 3}));
  EXPECT_EQ(OutcomeOf("2"), RequestOutcome::kUnknown);
  for (const char* id : {"3", "4", "5"}) EXPECT_EQ(OutcomeOf(id), RequestOutcome::kApplied) << id;
  Sweep();
  EXPECT_EQ(OutcomeOf("3"), RequestOutcome::kApplied) << "a sweep drops no more than a write";
}

// Plan: the daemon's own bound: 4096 later requests push an outcome out, but not before its
// caller's longest deadline is over.
TEST_F(OutcomesTest, KeptByTheDaemonsCount) {
  ASSERT_THAT(Apply(Add("first")), IsOk());
  for (uint64_t i = 1; i < limits::kOutcomesPerAccountMax; ++i) {
    ASSERT_THAT(Apply(Add(absl::StrCat(i))), IsOk());
  }
  EXPECT_EQ(OutcomeOf("first"), RequestOutcome::kApplied);
  now_ += limits::kDeadlineMax - absl::Microseconds(1);
  ASSERT_THAT(Apply(Add("in time")), IsOk());
  EXPECT_EQ(OutcomeOf("first"), RequestOutcome::kApplied);
  now_ += absl::Microseconds(1);
  ASSERT_THAT(Apply(Add("last")), IsOk());
  EXPECT_EQ(OutcomeOf("first"), RequestOutcome::kUnknown);
  EXPECT_EQ(OutcomeOf("2"), RequestOutcome::kApplied);
  EXPECT_EQ(CountRecords()[2], limits::kOutcomesPerAccountMax);
}

// Plan: each write that names itself drops two outdated outcomes, so that a backlog shrinks; one
// that is exactly as old as the retention stays.
TEST_F(OutcomesTest, KeptByTime) {
  for (const char* id : {"1", "2", "3", "4"}) ASSERT_THAT(Apply(Add(id)), IsOk());
  now_ += limits::kOutcomeRetention;
  ASSERT_THAT(Apply(Add("5")), IsOk());
  EXPECT_EQ(CountRecords()[2], 5u);
  now_ += absl::Microseconds(1);
  ASSERT_THAT(Apply(Add("6")), IsOk());
  EXPECT_EQ(CountRecords()[2], 4u);
  EXPECT_EQ(OutcomeOf("2"), RequestOutcome::kUnknown);
  ASSERT_THAT(Apply(Add("7")), IsOk());
  EXPECT_EQ(CountRecords()[2], 3u);
  EXPECT_EQ(OutcomeOf("5"), RequestOutcome::kApplied);
  EXPECT_EQ(CountRecords()[3], 3u) << "their order goes with them";
}

TEST_F(OutcomesTest, ASweepDropsWhatNobodyWritesAnyMore) {
  for (uint64_t i = 0; i < 10; ++i) ASSERT_THAT(Apply(Add(absl::StrCat(i))), IsOk());
  const uint64_t revision = RecordOf(kOutcomeAccount)->revision;
  LetRetentionPass();
  Sweep();
  EXPECT_EQ(CountRecords(), (std::vector<size_t>{1, 1, 0, 0}));
  EXPECT_EQ(RecordOf(kOutcomeAccount)->revision, revision);
  ASSERT_OK_AND_ASSIGN(const ApplyResult again, Apply(Add("0")));
  EXPECT_FALSE(again.replayed);
}

// Plan: an account is deleted at the beginning of the day, a request for it is refused and another
// forbidden at the end; neither may be forgotten with the deletion.
TEST_F(OutcomesTest, WhatADeletedAccountRemembersIsKeptForADayToo) {
  ASSERT_THAT(Apply(Add("a")), IsOk());
  ASSERT_THAT(DeleteAccount({.account = kOutcomeAccount, .request_id = "d"}), IsOk());
  now_ += limits::kOutcomeRetention - absl::Hours(1);
  ApplyRequest refused = Add("refused");
  refused.create_account = false;
  EXPECT_THAT(Apply(refused), HasReason(Reason::kAccountNotFound));
  ASSERT_THAT(Outcome(kOutcomeAccount, "forbidden", /*forbid=*/true), IsOk());
  now_ += absl::Hours(2);
  Sweep();
  EXPECT_EQ(OutcomeOf("refused"), RequestOutcome::kNotApplied);
  EXPECT_THAT(Apply(Add("forbidden")), HasReason(Reason::kRequestForbidden));
  LetRetentionPass();
  Sweep();
  EXPECT_EQ(CountRecords(), std::vector<size_t>(4));
}

// Plan: an account that is used again must not be taken for one to forget.
TEST_F(OutcomesTest, ARecreatedAccountIsNotForgotten) {
  ASSERT_THAT(Apply(Add("a")), IsOk());
  ASSERT_THAT(DeleteAccount({.account = kOutcomeAccount}), IsOk());
  LetRetentionPass();
  ASSERT_THAT(CreateAccount({.account = kOutcomeAccount}), IsOk());
  Sweep();
  EXPECT_TRUE(RecordOf(kOutcomeAccount).has_value());
  EXPECT_EQ(StoredStats().account_count, 1u);
}

TEST_F(OutcomesTest, AFailedReadIsNoOutcome) {
  ASSERT_THAT(PutEntry(kOutcomeAccount, "a", "1"), IsOk());
  const std::string key = AccountKeys(kOutcomeAccount).Key(RecordType::kEntry, "a");
  storage::WriteSet writes;
  writes.Put(kTestHome, key, "garbage");
  ASSERT_THAT(store().Commit(writes), IsOk());
  Restart();  // with nothing in memory
  EXPECT_THAT(PutEntry(kOutcomeAccount, "a", "2", "r"), HasReason(Reason::kStorageCorrupt));
  EXPECT_EQ(OutcomeOf("r"), RequestOutcome::kUnknown);
}

}  // namespace
}  // namespace shardd
