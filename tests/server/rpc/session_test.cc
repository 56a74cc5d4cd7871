// Plan: drive sessions and imports over a real connection: order, results, flow control, both ways
// to end, and the ways to misuse them.

#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/limits.h"
#include "tests/server/rpc/test_daemon.h"

namespace shardd::rpc {
namespace {

using SessionStream = grpc::ClientReaderWriter<v1::SessionRequest, v1::SessionResponse>;
using ImportStream = grpc::ClientReaderWriter<v1::ImportRequest, v1::ImportResponse>;

class SessionTest : public testing::Test {
 protected:
  void SetUp() override { daemon_.CreateNamespace(kNamespace); }

  static void AddPut(v1::SessionRequest& frame, const std::string& id, const std::string& key,
                     const std::string& value) {
    *frame.add_operations()->mutable_apply() = PutRequest(id, key, value);
  }
  static void AddGet(v1::SessionRequest& frame, const std::string& id, const std::string& key) {
    v1::GetRequest& get = *frame.add_operations()->mutable_get();
    get.mutable_account()->set_namespace_(kNamespace);
    get.mutable_account()->set_id(id);
    get.add_keys(key);
  }
  static void AddAppend(v1::SessionRequest& frame, const std::string& id, const std::string& text) {
    v1::ApplyRequest& apply = *frame.add_operations()->mutable_apply();
    apply.mutable_account()->set_namespace_(kNamespace);
    apply.mutable_account()->set_id(id);
    apply.set_create_account(true);
    apply.add_mutations()->mutable_append()->set_key("log");
    apply.mutable_mutations(0)->mutable_append()->set_value(text);
  }

  std::string Read(const std::string& id, const std::string& key) {
    v1::GetRequest request;
    request.mutable_account()->set_namespace_(kNamespace);
    request.mutable_account()->set_id(id);
    request.add_keys(key);
    v1::GetResponse response;
    CallScope call;
    EXPECT_TRUE(daemon_.state->Get(&call, request, &response).ok());
    return response.entries_size() == 1 ? response.entries(0).value() : "";
  }

  TestDaemon daemon_;
};

TEST_F(SessionTest, ReadsSeeTheWritesSentBeforeThem) {
  CallScope call;
  const std::unique_ptr<SessionStream> stream = daemon_.state->Session(&call);
  v1::SessionRequest frame;
  frame.set_frame_id(7);
  AddPut(frame, "a", "k", "1");
  AddGet(frame, "a", "k");
  AddPut(frame, "a", "k", "2");
  v1::ScanRequest& scan = *frame.add_operations()->mutable_scan();
  scan.mutable_account()->set_namespace_(kNamespace);
  scan.mutable_account()->set_id("a");
  ASSERT_TRUE(stream->Write(frame));
  v1::SessionResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.frame_id(), 7u);
  ASSERT_EQ(response.results_size(), 4);
  EXPECT_EQ(response.results(1).get().entries(0).value(), "1");
  EXPECT_EQ(response.results(3).scan().entries(0).value(), "2");
  EXPECT_LT(response.results(0).apply().revision(), response.results(2).apply().revision());
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

// Plan: send more frames than may be under way without reading an answer, half-close, then read:
// all are there, in order, and took effect in order.
TEST_F(SessionTest, FramesAreAnsweredInOrderAndHalfCloseFinishesThem) {
  CallScope call;
  const std::unique_ptr<SessionStream> stream = daemon_.state->Session(&call);
  constexpr uint64_t kFrames = 4 * limits::kFramesInFlightMax;
  std::string expected;
  for (uint64_t i = 0; i < kFrames; ++i) {
    v1::SessionRequest frame;
    frame.set_frame_id(i);
    for (int j = 0; j < 5; ++j) {
      const std::string text = absl::StrCat(i, ".", j, ";");
      expected += text;
      AddAppend(frame, "log", text);
      AddPut(frame, absl::StrCat("other-", i, "-", j), "k", text);
    }
    ASSERT_TRUE(stream->Write(frame));
  }
  ASSERT_TRUE(stream->WritesDone());
  v1::SessionResponse response;
  for (uint64_t i = 0; i < kFrames; ++i) {
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.frame_id(), i);
    ASSERT_EQ(response.results_size(), 10);
    for (const v1::SessionResult& result : response.results()) EXPECT_TRUE(result.has_apply());
  }
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(Read("log", "log"), expected);
}

TEST_F(SessionTest, BadOperationsFailAlone) {
  CallScope call;
  const std::unique_ptr<SessionStream> stream = daemon_.state->Session(&call);
  v1::SessionRequest frame;
  AddPut(frame, "good", "k", "v");
  AddPut(frame, "", "k", "v");
  AddPut(frame, "large", "k", std::string((1 << 20) + 1, 'v'));
  frame.add_operations();
  AddGet(frame, "missing", "k");
  AddPut(frame, "elsewhere", "k", "v");
  frame.mutable_operations(5)->mutable_apply()->mutable_account()->set_namespace_("nowhere");
  ASSERT_TRUE(stream->Write(frame));
  v1::SessionResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_EQ(response.results_size(), 6);
  EXPECT_TRUE(response.results(0).has_apply());
  EXPECT_EQ(response.results(1).error().reason(), v1::ERROR_REASON_INVALID_FIELD);
  EXPECT_EQ(response.results(2).error().reason(), v1::ERROR_REASON_ENTRY_TOO_LARGE);
  EXPECT_EQ(response.results(3).error().reason(), v1::ERROR_REASON_INVALID_FIELD);
  EXPECT_EQ(response.results(4).error().reason(), v1::ERROR_REASON_ACCOUNT_NOT_FOUND);
  EXPECT_EQ(response.results(5).error().reason(), v1::ERROR_REASON_NAMESPACE_NOT_FOUND);
  EXPECT_EQ(response.results(5).error().effect(), v1::EFFECT_NOT_APPLIED);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

// Plan: a good frame, then one with too many operations: the first is answered, the stream ends.
TEST_F(SessionTest, FrameTooLargeEndsTheStreamAfterWhatCameBefore) {
  CallScope call;
  const std::unique_ptr<SessionStream> stream = daemon_.state->Session(&call);
  v1::SessionRequest frame;
  AddPut(frame, "first", "k", "v");
  ASSERT_TRUE(stream->Write(frame));
  frame.clear_operations();
  for (size_t i = 0; i <= limits::kFrameOperationsMax; ++i) AddPut(frame, "second", "k", "v");
  ASSERT_TRUE(stream->Write(frame));
  v1::SessionResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(FactsOf(stream->Finish()).reason, "FRAME_TOO_LARGE");
  EXPECT_EQ(Read("first", "k"), "v");
}

// Plan: few operations with more mutations than the answer has room for the results of; nothing of
// the frame runs.
TEST_F(SessionTest, AFrameOfTooManyMutationsEndsTheStream) {
  daemon_.Put("many", "other", "v");
  CallScope call;
  const std::unique_ptr<SessionStream> stream = daemon_.state->Session(&call);
  v1::SessionRequest frame;
  for (size_t mutations = 0; mutations <= limits::kFrameMutationsMax;) {
    AddPut(frame, "many", "k", "v");
    v1::ApplyRequest& apply =
        *frame.mutable_operations(frame.operations_size() - 1)->mutable_apply();
    for (; apply.mutations_size() < 100; ++mutations) {
      apply.add_mutations()->mutable_add_integer()->set_key("n");
    }
  }
  ASSERT_TRUE(stream->Write(frame));
  v1::SessionResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(FactsOf(stream->Finish()).reason, "FRAME_TOO_LARGE");
  EXPECT_EQ(Read("many", "k"), "");
}

TEST_F(SessionTest, EmptyFrameAndUnreadableFrameEndTheStream) {
  for (const bool unreadable : {false, true}) {
    CallScope call;
    const std::unique_ptr<SessionStream> stream = daemon_.state->Session(&call);
    v1::SessionRequest frame;
    if (unreadable) AddPut(frame, "bad\xff", "k", "v");
    ASSERT_TRUE(stream->Write(frame));
    v1::SessionResponse response;
    EXPECT_FALSE(stream->Read(&response));
    const ErrorFacts facts = FactsOf(stream->Finish());
    EXPECT_EQ(facts.reason, "INVALID_FIELD");
    EXPECT_EQ(facts.field, unreadable ? "operations.apply.account.id" : "operations");
  }
}

// Plan: ask for more bytes in one frame than its answer may hold (3 MiB, and each read finds a MiB
// and a little more); those that do not fit are refused.
TEST_F(SessionTest, ReadsThatDoNotFitAnAnswerAreRefusedOneByOne) {
  daemon_.Put("large", "k", std::string(1 << 20, 'v'));
  CallScope call;
  const std::unique_ptr<SessionStream> stream = daemon_.state->Session(&call);
  v1::SessionRequest frame;
  for (int i = 0; i < 6; ++i) AddGet(frame, "large", "k");
  ASSERT_TRUE(stream->Write(frame));
  v1::SessionResponse response;
  ASSERT_TRUE(stream->Read(&response));
  int refused = 0;
  for (const v1::SessionResult& result : response.results()) {
    if (result.error().reason() == v1::ERROR_REASON_FRAME_TOO_LARGE) ++refused;
  }
  EXPECT_EQ(refused, 4);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

// Plan: send frames and walk away; the daemon goes on and serves the next caller.
TEST_F(SessionTest, CancelledSessionHarmsNobody) {
  for (int round = 0; round < 20; ++round) {
    CallScope call;
    const std::unique_ptr<SessionStream> stream = daemon_.state->Session(&call);
    v1::SessionRequest frame;
    for (int i = 0; i < 200; ++i) AddPut(frame, absl::StrCat("c", i), "k", "v");
    for (int i = 0; i < 5; ++i) stream->Write(frame);
    call.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  daemon_.Put("after", "k", "v");
  EXPECT_EQ(Read("after", "k"), "v");
}

TEST_F(SessionTest, DrainAnswersWhatIsUnderWayThenEndsTheStream) {
  CallScope call;
  const std::unique_ptr<SessionStream> stream = daemon_.state->Session(&call);
  v1::SessionRequest frame;
  AddPut(frame, "a", "k", "v");
  ASSERT_TRUE(stream->Write(frame));
  v1::SessionResponse response;
  ASSERT_TRUE(stream->Read(&response));
  daemon_.front_end().BeginDrain();
  EXPECT_FALSE(stream->Read(&response));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(FactsOf(status).reason, "DRAINING");
}

TEST_F(SessionTest, ImportMakesAccountsHoldTheirRecords) {
  daemon_.Put("a", "old", "x");
  daemon_.Put("b", "old", "x");
  CallScope call;
  const std::unique_ptr<ImportStream> stream = daemon_.admin->Import(&call);
  v1::ImportRequest frame;
  frame.set_frame_id(3);
  for (const char* id : {"a", "b", ""}) {
    v1::ImportRecord& record = *frame.add_records();
    record.mutable_account()->set_namespace_(kNamespace);
    record.mutable_account()->set_id(id);
    record.set_merge(std::string(id) == "b");
    v1::Entry& entry = *record.add_entries();
    entry.set_key("new");
    entry.set_value("y");
  }
  ASSERT_TRUE(stream->Write(frame));
  v1::ImportResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.frame_id(), 3u);
  ASSERT_EQ(response.results_size(), 3);
  EXPECT_GT(response.results(0).revision(), 0u);
  EXPECT_GT(response.results(1).revision(), 0u);
  EXPECT_EQ(response.results(2).error().reason(), v1::ERROR_REASON_INVALID_FIELD);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(Read("a", "new"), "y");
  EXPECT_EQ(Read("a", "old"), "");
  EXPECT_EQ(Read("b", "new"), "y");
  EXPECT_EQ(Read("b", "old"), "x");
}

}  // namespace
}  // namespace shardd::rpc
