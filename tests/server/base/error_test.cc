// Plan: hold every reason against the code and effect the contract gives it, and read back what an
// error carries.

#include "server/base/error.h"

#include <set>

#include "gtest/gtest.h"
#include "server/base/status_macros.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

using absl::StatusCode;

struct ReasonRow {
  Reason reason;
  int number;
  StatusCode code;
};

constexpr ReasonRow kReasons[] = {
    {Reason::kInvalidField, 1, StatusCode::kInvalidArgument},
    {Reason::kInvalidPageToken, 2, StatusCode::kInvalidArgument},
    {Reason::kEntryTooLarge, 3, StatusCode::kInvalidArgument},
    {Reason::kFrameTooLarge, 4, StatusCode::kInvalidArgument},
    {Reason::kValueNotInteger, 5, StatusCode::kFailedPrecondition},
    {Reason::kIntegerOverflow, 6, StatusCode::kOutOfRange},
    {Reason::kRequestIdReused, 7, StatusCode::kInvalidArgument},
    {Reason::kRequestForbidden, 8, StatusCode::kAborted},
    {Reason::kNamespaceNotFound, 20, StatusCode::kNotFound},
    {Reason::kNamespaceExists, 21, StatusCode::kAlreadyExists},
    {Reason::kNamespaceNotEmpty, 22, StatusCode::kFailedPrecondition},
    {Reason::kNamespaceDeleting, 23, StatusCode::kFailedPrecondition},
    {Reason::kTooManyNamespaces, 24, StatusCode::kResourceExhausted},
    {Reason::kAccountNotFound, 30, StatusCode::kNotFound},
    {Reason::kAccountExists, 31, StatusCode::kAlreadyExists},
    {Reason::kAccountFrozen, 32, StatusCode::kFailedPrecondition},
    {Reason::kAccountFull, 33, StatusCode::kResourceExhausted},
    {Reason::kPreconditionFailed, 34, StatusCode::kFailedPrecondition},
    {Reason::kRevisionCompacted, 35, StatusCode::kOutOfRange},
    {Reason::kWatchTooSlow, 36, StatusCode::kResourceExhausted},
    {Reason::kTooManyWatches, 37, StatusCode::kResourceExhausted},
    {Reason::kAccountMailboxFull, 38, StatusCode::kResourceExhausted},
    {Reason::kOutboxFull, 39, StatusCode::kResourceExhausted},
    {Reason::kShardNotFound, 40, StatusCode::kNotFound},
    {Reason::kStaleEpoch, 41, StatusCode::kAborted},
    {Reason::kEpochCompacted, 42, StatusCode::kOutOfRange},
    {Reason::kThreadNotFound, 43, StatusCode::kNotFound},
    {Reason::kOperationNotFound, 44, StatusCode::kNotFound},
    {Reason::kOperationEnded, 45, StatusCode::kFailedPrecondition},
    {Reason::kShardBusy, 46, StatusCode::kAborted},
    {Reason::kShardPinned, 47, StatusCode::kFailedPrecondition},
    {Reason::kNotNeighbours, 48, StatusCode::kFailedPrecondition},
    {Reason::kCannotSplit, 49, StatusCode::kFailedPrecondition},
    {Reason::kTooManyShards, 50, StatusCode::kResourceExhausted},
    {Reason::kTooManyHomes, 51, StatusCode::kResourceExhausted},
    {Reason::kHomeNotFound, 52, StatusCode::kNotFound},
    {Reason::kAlreadyThere, 53, StatusCode::kFailedPrecondition},
    {Reason::kMailboxFull, 60, StatusCode::kResourceExhausted},
    {Reason::kDeadlineExpired, 61, StatusCode::kDeadlineExceeded},
    {Reason::kDraining, 62, StatusCode::kUnavailable},
    {Reason::kTooManyCalls, 63, StatusCode::kResourceExhausted},
    {Reason::kDiskFull, 64, StatusCode::kResourceExhausted},
    {Reason::kStorageFailed, 65, StatusCode::kUnavailable},
    {Reason::kStorageCorrupt, 66, StatusCode::kDataLoss},
    {Reason::kNotServed, 67, StatusCode::kUnimplemented},
};

// Plan: numbers are stored and sent, so they are literals here; only a storage failure leaves the
// effect unknown.
TEST(ErrorTest, EveryReasonHasItsNumberCodeAndEffect) {
  std::set<int> numbers;
  for (const ReasonRow& row : kReasons) {
    EXPECT_EQ(static_cast<int>(row.reason), row.number);
    EXPECT_EQ(CodeOf(row.reason), row.code) << row.number;
    const Effect effect =
        row.reason == Reason::kStorageFailed ? Effect::kUnknown : Effect::kNotApplied;
    EXPECT_EQ(EffectOf(row.reason), effect) << row.number;
    numbers.insert(row.number);
    EXPECT_THAT(Error(row.reason, "why"), HasReason(row.reason));
  }
  EXPECT_EQ(numbers.size(), std::size(kReasons));
  EXPECT_EQ(CodeOf(Reason::kUnspecified), StatusCode::kUnknown);
  EXPECT_EQ(EffectOf(Reason::kUnspecified), Effect::kUnknown);
}

TEST(ErrorTest, StatusesOfOthersHaveNoFacts) {
  for (const absl::Status& status : {absl::OkStatus(), absl::NotFoundError("theirs")}) {
    EXPECT_EQ(ReasonOf(status), Reason::kUnspecified);
    EXPECT_TRUE(MetadataOf(status).empty());
    EXPECT_FALSE(RetryAfterOf(status).has_value());
  }
}

TEST(ErrorTest, CarriesMetadataAndRetryDelay) {
  absl::Status status = WithMetadata(Error(Reason::kMailboxFull, "full"), "a", "1");
  status = WithMetadata(std::move(status), "b", std::string("\0\xff", 2));
  status = WithMetadata(std::move(status), "a", "2");
  status = WithRetryAfter(std::move(status), absl::Milliseconds(50));
  const std::map<std::string, std::string> expected = {{"a", "2"}, {"b", std::string("\0\xff", 2)}};
  EXPECT_EQ(MetadataOf(status), expected);
  EXPECT_EQ(RetryAfterOf(status), absl::Milliseconds(50));
  EXPECT_THAT(status, HasReason(Reason::kMailboxFull));
}

TEST(ErrorTest, InvalidFieldNamesTheField) {
  const absl::Status status = InvalidField("account.id", "is empty");
  EXPECT_THAT(status, HasReason(Reason::kInvalidField));
  EXPECT_EQ(status.message(), "account.id is empty");
  EXPECT_EQ(MetadataOf(status).at("field"), "account.id");
}

TEST(ErrorDeathTest, AnErrorNeedsAReason) {
  EXPECT_DEATH(static_cast<void>(Error(Reason::kUnspecified, "why")), "error.cc");
}

absl::StatusOr<int> Twice(absl::StatusOr<int> number) {
  SHARDD_ASSIGN_OR_RETURN(const int once, std::move(number));
  SHARDD_RETURN_IF_ERROR(once < 0 ? Error(Reason::kInvalidField, "negative") : absl::OkStatus());
  return 2 * once;
}

TEST(StatusMacrosTest, PassErrorsOnAndValuesThrough) {
  EXPECT_EQ(*Twice(21), 42);
  EXPECT_THAT(Twice(-1), HasReason(Reason::kInvalidField));
  EXPECT_THAT(Twice(Error(Reason::kDraining, "stopping")), HasReason(Reason::kDraining));
}

}  // namespace
}  // namespace shardd
