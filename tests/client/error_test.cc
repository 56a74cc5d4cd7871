// Plan: build errors as the daemon sends them, over a call and inside a session; what DetailOf says
// must be what went in, and little must be believed of errors that are not the daemon's.
#include "client/error.h"

#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/client/fake_store.h"

namespace shardd::client {
namespace {

TEST(ErrorTest, OkStaysOk) { EXPECT_TRUE(FromGrpc(grpc::Status::OK).ok()); }

TEST(ErrorTest, KeepsCodeMessageReasonEffectAndDelay) {
  const absl::Status status =
      FromGrpc(Refusal(grpc::StatusCode::RESOURCE_EXHAUSTED, v1::ERROR_REASON_MAILBOX_FULL,
                       "the mailbox is full", 50));
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_EQ(status.message(), "the mailbox is full");
  const ErrorDetail detail = DetailOf(status);
  EXPECT_EQ(detail.reason, v1::ERROR_REASON_MAILBOX_FULL);
  EXPECT_EQ(detail.reason_name, "MAILBOX_FULL");
  EXPECT_EQ(detail.effect, v1::EFFECT_NOT_APPLIED);
  EXPECT_EQ(detail.retry_after, absl::Milliseconds(50));
}

TEST(ErrorTest, SaysTheSameAboutAnOperationOfASession) {
  const grpc::Status refusal = Refusal(grpc::StatusCode::RESOURCE_EXHAUSTED,
                                       v1::ERROR_REASON_MAILBOX_FULL, "the mailbox is full", 50);
  const absl::Status status = FromOperationError(ToOperationError(refusal));
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  const ErrorDetail detail = DetailOf(status);
  EXPECT_EQ(detail.reason, v1::ERROR_REASON_MAILBOX_FULL);
  EXPECT_EQ(detail.effect, v1::EFFECT_NOT_APPLIED);
  EXPECT_EQ(detail.retry_after, absl::Milliseconds(50));
}

TEST(ErrorTest, EffectIsUnknownUnlessVouchedFor) {
  EXPECT_EQ(DetailOf(absl::UnavailableError("gone")).effect, v1::EFFECT_UNKNOWN);
  EXPECT_EQ(
      DetailOf(FromGrpc(Refusal(grpc::StatusCode::UNAVAILABLE, v1::ERROR_REASON_STORAGE_FAILED,
                                "disk", 0, v1::EFFECT_UNKNOWN)))
          .effect,
      v1::EFFECT_UNKNOWN);
}

struct EndOfOperation {
  v1::OperationKind kind;
  v1::Effect effect;
};

// Plan: operations of each sort fail and are cancelled; those that change nothing unless they
// succeed say so.
TEST(ErrorTest, OperationsThatEndInVainSayWhetherTheyChangedAnything) {
  const EndOfOperation rows[] = {
      {v1::OPERATION_KIND_SPLIT, v1::EFFECT_NOT_APPLIED},
      {v1::OPERATION_KIND_REHOME, v1::EFFECT_NOT_APPLIED},
      {v1::OPERATION_KIND_VERIFY, v1::EFFECT_NOT_APPLIED},
      {v1::OPERATION_KIND_COMPACT, v1::EFFECT_NOT_APPLIED},
      {v1::OPERATION_KIND_MERGE, v1::EFFECT_UNKNOWN},
      {v1::OPERATION_KIND_DELETE_NAMESPACE, v1::EFFECT_UNKNOWN},
      {v1::OPERATION_KIND_UNSPECIFIED, v1::EFFECT_UNKNOWN},
  };
  for (const EndOfOperation& row : rows) {
    SCOPED_TRACE(v1::OperationKind_Name(row.kind));
    v1::Operation operation;
    operation.set_id("op-7");
    operation.set_kind(row.kind);
    operation.set_state(v1::OPERATION_STATE_FAILED);
    operation.set_error_reason(v1::ERROR_REASON_CANNOT_SPLIT);
    EXPECT_EQ(DetailOf(FromOperation(operation)).effect, row.effect);
    EXPECT_EQ(DetailOf(FromOperation(operation)).reason_name, "CANNOT_SPLIT");
    operation.set_state(v1::OPERATION_STATE_CANCELLED);
    const absl::Status cancelled = FromOperation(operation);
    EXPECT_TRUE(absl::IsAborted(cancelled));
    EXPECT_EQ(cancelled.message(), "operation op-7 was cancelled");
    EXPECT_EQ(DetailOf(cancelled).effect, row.effect);
    EXPECT_EQ(DetailOf(cancelled).reason_name, "");
  }
}

TEST(ErrorTest, ReadsTheEffectInEitherCase) {
  for (const char* effect : {"not_applied", "NOT_APPLIED"}) {
    google::rpc::Status details;
    google::rpc::ErrorInfo info;
    info.set_domain("shardd");
    (*info.mutable_metadata())["effect"] = effect;
    details.add_details()->PackFrom(info);
    const absl::Status status =
        FromGrpc(grpc::Status(grpc::StatusCode::ABORTED, "no", details.SerializeAsString()));
    EXPECT_EQ(DetailOf(status).effect, v1::EFFECT_NOT_APPLIED) << effect;
  }
}

TEST(ErrorTest, KeepsTheNameOfAReasonThatIsNewerThanTheLibrary) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  info.set_domain("shardd");
  info.set_reason("MOON_IN_THE_WRONG_PHASE");
  details.add_details()->PackFrom(info);
  const ErrorDetail detail = DetailOf(
      FromGrpc(grpc::Status(grpc::StatusCode::ABORTED, "no", details.SerializeAsString())));
  EXPECT_EQ(detail.reason, v1::ERROR_REASON_UNSPECIFIED);
  EXPECT_EQ(detail.reason_name, "MOON_IN_THE_WRONG_PHASE");
}

TEST(ErrorTest, DoesNotBelieveAnotherDomain) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  info.set_domain("proxy.example");
  info.set_reason("MAILBOX_FULL");
  (*info.mutable_metadata())["effect"] = "not_applied";
  details.add_details()->PackFrom(info);
  const ErrorDetail detail = DetailOf(
      FromGrpc(grpc::Status(grpc::StatusCode::ABORTED, "no", details.SerializeAsString())));
  EXPECT_EQ(detail.reason_name, "");
  EXPECT_EQ(detail.effect, v1::EFFECT_UNKNOWN);
}

TEST(ErrorTest, ListsTheFieldsAtFault) {
  google::rpc::Status details;
  google::rpc::BadRequest bad;
  auto& violation = *bad.add_field_violations();
  violation.set_field("account.id");
  violation.set_description("is empty");
  details.add_details()->PackFrom(bad);
  const ErrorDetail detail = DetailOf(FromGrpc(
      grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "no", details.SerializeAsString())));
  ASSERT_EQ(detail.violations.size(), 1u);
  EXPECT_EQ(detail.violations[0].field, "account.id");
  EXPECT_EQ(detail.violations[0].description, "is empty");
}

TEST(ErrorTest, SurvivesDetailsThatAreNoMessage) {
  const absl::Status status =
      FromGrpc(grpc::Status(grpc::StatusCode::ABORTED, "no", "\xff\xff\xff"));
  EXPECT_EQ(DetailOf(status).reason_name, "");
}

}  // namespace
}  // namespace shardd::client
