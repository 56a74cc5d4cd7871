// Plan: the enum of the rooms below and the enum of the contract are one; every fact of an error
// reaches the caller.

#include "server/rpc/errors.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "shardd/v1/error_reason.pb.h"
#include "tests/server/rpc/test_daemon.h"

namespace shardd::rpc {
namespace {

// Every reason by its name here. A switch without default: the compiler asks for a new one.
const char* NameHere(Reason reason) {
  switch (reason) {
    case Reason::kUnspecified:
      return "kUnspecified";
    case Reason::kInvalidField:
      return "kInvalidField";
    case Reason::kInvalidPageToken:
      return "kInvalidPageToken";
    case Reason::kEntryTooLarge:
      return "kEntryTooLarge";
    case Reason::kFrameTooLarge:
      return "kFrameTooLarge";
    case Reason::kValueNotInteger:
      return "kValueNotInteger";
    case Reason::kIntegerOverflow:
      return "kIntegerOverflow";
    case Reason::kRequestIdReused:
      return "kRequestIdReused";
    case Reason::kRequestForbidden:
      return "kRequestForbidden";
    case Reason::kNamespaceNotFound:
      return "kNamespaceNotFound";
    case Reason::kNamespaceExists:
      return "kNamespaceExists";
    case Reason::kNamespaceNotEmpty:
      return "kNamespaceNotEmpty";
    case Reason::kNamespaceDeleting:
      return "kNamespaceDeleting";
    case Reason::kTooManyNamespaces:
      return "kTooManyNamespaces";
    case Reason::kAccountNotFound:
      return "kAccountNotFound";
    case Reason::kAccountExists:
      return "kAccountExists";
    case Reason::kAccountFrozen:
      return "kAccountFrozen";
    case Reason::kAccountFull:
      return "kAccountFull";
    case Reason::kPreconditionFailed:
      return "kPreconditionFailed";
    case Reason::kRevisionCompacted:
      return "kRevisionCompacted";
    case Reason::kWatchTooSlow:
      return "kWatchTooSlow";
    case Reason::kTooManyWatches:
      return "kTooManyWatches";
    case Reason::kAccountMailboxFull:
      return "kAccountMailboxFull";
    case Reason::kOutboxFull:
      return "kOutboxFull";
    case Reason::kShardNotFound:
      return "kShardNotFound";
    case Reason::kStaleEpoch:
      return "kStaleEpoch";
    case Reason::kEpochCompacted:
      return "kEpochCompacted";
    case Reason::kThreadNotFound:
      return "kThreadNotFound";
    case Reason::kOperationNotFound:
      return "kOperationNotFound";
    case Reason::kOperationEnded:
      return "kOperationEnded";
    case Reason::kShardBusy:
      return "kShardBusy";
    case Reason::kShardPinned:
      return "kShardPinned";
    case Reason::kNotNeighbours:
      return "kNotNeighbours";
    case Reason::kCannotSplit:
      return "kCannotSplit";
    case Reason::kTooManyShards:
      return "kTooManyShards";
    case Reason::kTooManyHomes:
      return "kTooManyHomes";
    case Reason::kHomeNotFound:
      return "kHomeNotFound";
    case Reason::kAlreadyThere:
      return "kAlreadyThere";
    case Reason::kMailboxFull:
      return "kMailboxFull";
    case Reason::kMessageLeaseEnded:
      return "kMessageLeaseEnded";
    case Reason::kUndeliverableNotFound:
      return "kUndeliverableNotFound";
    case Reason::kDeadlineExpired:
      return "kDeadlineExpired";
    case Reason::kDraining:
      return "kDraining";
    case Reason::kTooManyCalls:
      return "kTooManyCalls";
    case Reason::kDiskFull:
      return "kDiskFull";
    case Reason::kStorageFailed:
      return "kStorageFailed";
    case Reason::kStorageCorrupt:
      return "kStorageCorrupt";
    case Reason::kNotServed:
      return "kNotServed";
  }
  return nullptr;
}

// "ERROR_REASON_MAILBOX_FULL" is "kMailboxFull" here.
std::string NameFromContract(const std::string& name) {
  std::string here = "k";
  const std::vector<std::string> words = absl::StrSplit(name, '_');
  for (size_t i = 2; i < words.size(); ++i) {  // after "ERROR" and "REASON"
    std::string word = words[i];
    absl::AsciiStrToLower(&word);
    word[0] = absl::ascii_toupper(static_cast<unsigned char>(word[0]));
    here += word;
  }
  return here;
}

// Plan: each number of the contract has the same name here, and none is missing on either side.
TEST(ErrorsTest, ReasonsAreThoseOfTheContract) {
  const auto& contract = *google::protobuf::GetEnumDescriptor<v1::ErrorReason>();
  std::set<int> numbers;
  for (int i = 0; i < contract.value_count(); ++i) {
    const auto& value = *contract.value(i);
    numbers.insert(value.number());
    const char* here = NameHere(static_cast<Reason>(value.number()));
    ASSERT_NE(here, nullptr) << value.name() << " is missing in server/base/error.h";
    EXPECT_EQ(here, NameFromContract(value.name()));
  }
  for (int number = 0; number < 1000; ++number) {
    const bool known = NameHere(static_cast<Reason>(number)) != nullptr;
    EXPECT_EQ(known, numbers.count(number) == 1) << "reason " << number;
  }
}

TEST(ErrorsTest, OkIsOk) { EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok()); }

TEST(ErrorsTest, FieldErrorNamesTheField) {
  const grpc::Status status = ToGrpcStatus(InvalidField("account.id", "is empty"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const ErrorFacts facts = FactsOf(status);
  EXPECT_EQ(facts.reason, "INVALID_FIELD");
  EXPECT_EQ(facts.domain, "shardd");
  EXPECT_EQ(facts.field, "account.id");
  EXPECT_EQ(facts.metadata.at("effect"), "NOT_APPLIED");
  EXPECT_FALSE(facts.retry_after.has_value());
}

TEST(ErrorsTest, RetryHintAndMetadataAreKept) {
  const grpc::Status status = ToGrpcStatus(WithMetadata(
      WithRetryAfter(Error(Reason::kMailboxFull, "full"), absl::Milliseconds(1500)), "shard", "s"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  const ErrorFacts facts = FactsOf(status);
  EXPECT_EQ(facts.retry_after, absl::Milliseconds(1500));
  EXPECT_EQ(facts.metadata.at("shard"), "s");
  EXPECT_EQ(facts.field, "");
}

TEST(ErrorsTest, StorageFailureLeavesTheEffectUnknown) {
  const ErrorFacts facts = FactsOf(ToGrpcStatus(Error(Reason::kStorageFailed, "io")));
  EXPECT_EQ(facts.metadata.at("effect"), "UNKNOWN");
}

TEST(ErrorsTest, ErrorWithoutReasonIsInternalAndUnknown) {
  const grpc::Status status = ToGrpcStatus(absl::UnknownError("?"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(FactsOf(status).metadata.at("effect"), "UNKNOWN");
}

TEST(ErrorsTest, OperationErrorSaysTheSame) {
  v1::OperationError error;
  ToOperationError(WithRetryAfter(Error(Reason::kDiskFull, "no space"), absl::Milliseconds(5250)),
                   error);
  EXPECT_EQ(error.code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(error.reason(), v1::ERROR_REASON_DISK_FULL);
  EXPECT_EQ(error.message(), "no space");
  EXPECT_EQ(error.effect(), v1::EFFECT_NOT_APPLIED);
  EXPECT_EQ(error.retry_after().seconds(), 5);
  EXPECT_EQ(error.retry_after().nanos(), 250'000'000);
}

}  // namespace
}  // namespace shardd::rpc
