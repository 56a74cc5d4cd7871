// Plan: watch accounts and the routing table over a real connection, from now, from before, and
// from too long ago; end watches in every way.

#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/limits.h"
#include "tests/server/rpc/test_daemon.h"

namespace shardd::rpc {
namespace {

using AccountReader = grpc::ClientReader<v1::WatchAccountResponse>;
using TableReader = grpc::ClientReader<v1::WatchTableResponse>;

class WatchTest : public testing::Test {
 protected:
  void SetUp() override { daemon_.CreateNamespace(kNamespace); }

  std::unique_ptr<AccountReader> Watch(grpc::ClientContext& call, const std::string& id,
                                       uint64_t start_revision) {
    v1::WatchAccountRequest request;
    request.mutable_account()->set_namespace_(kNamespace);
    request.mutable_account()->set_id(id);
    request.set_start_revision(start_revision);
    return daemon_.state->WatchAccount(&call, request);
  }

  // The next `count` changes.
  static std::vector<v1::AccountChange> Next(AccountReader& reader, size_t count) {
    std::vector<v1::AccountChange> changes;
    v1::WatchAccountResponse response;
    while (changes.size() < count && reader.Read(&response)) {
      changes.insert(changes.end(), response.changes().begin(), response.changes().end());
    }
    return changes;
  }

  TestDaemon daemon_;
};

TEST_F(WatchTest, GivesChangesSinceARevisionAndThenNewOnes) {
  const uint64_t first = daemon_.Put("w", "a", "1");
  daemon_.Put("w", "b", "2");
  CallScope call;
  const std::unique_ptr<AccountReader> reader = Watch(call, "w", first);
  std::vector<v1::AccountChange> changes = Next(*reader, 2);
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].revision(), first);
  EXPECT_TRUE(changes[0].created());
  EXPECT_EQ(changes[1].entries(0).key(), "b");

  daemon_.Put("other", "x", "y");
  const uint64_t third = daemon_.Put("w", "a", "3");
  changes = Next(*reader, 1);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].revision(), third);
  EXPECT_EQ(changes[0].entries(0).value(), "3");
  call.TryCancel();
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

// Plan: make more changes than are kept, then ask for the first.
TEST_F(WatchTest, CompactedRevisionIsSaidSo) {
  const uint64_t first = daemon_.Put("w", "k", "0");
  CallScope session_call;
  const auto session = daemon_.state->Session(&session_call);
  for (size_t written = 0; written <= limits::kWatchHistoryChangesMax; written += 1024) {
    v1::SessionRequest frame;
    for (int i = 0; i < 1024; ++i) {
      *frame.add_operations()->mutable_apply() = PutRequest("w", "k", "v");
    }
    ASSERT_TRUE(session->Write(frame));
    v1::SessionResponse response;
    ASSERT_TRUE(session->Read(&response));
  }
  session->WritesDone();
  EXPECT_TRUE(session->Finish().ok());
  CallScope call;
  const std::unique_ptr<AccountReader> reader = Watch(call, "w", first);
  EXPECT_TRUE(Next(*reader, 1).empty());
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(FactsOf(status).reason, "REVISION_COMPACTED");
}

TEST_F(WatchTest, BadWatchesAreRefused) {
  {
    CallScope call;
    const std::unique_ptr<AccountReader> reader = Watch(call, "missing", 0);
    EXPECT_EQ(FactsOf(reader->Finish()).reason, "ACCOUNT_NOT_FOUND");
  }
  {
    CallScope call;
    const std::unique_ptr<AccountReader> reader = Watch(call, "", 0);
    EXPECT_EQ(FactsOf(reader->Finish()).field, "account.id");
  }
  v1::WatchAccountRequest request;
  request.mutable_account()->set_namespace_("nowhere");
  request.mutable_account()->set_id("x");
  CallScope call;
  EXPECT_EQ(FactsOf(daemon_.state->WatchAccount(&call, request)->Finish()).reason,
            "NAMESPACE_NOT_FOUND");
}

// Plan: open and cancel many more watches than one shard allows: a cancelled one must make room,
// and what still arrives for it must find nobody.
TEST_F(WatchTest, CancelledWatchesAreForgotten) {
  uint64_t revision = daemon_.Put("w", "k", "v");
  for (size_t i = 0; i < limits::kWatchesPerShardMax + 500; ++i) {
    CallScope call;
    const std::unique_ptr<AccountReader> reader = Watch(call, "w", revision);
    ASSERT_EQ(Next(*reader, 1).size(), 1u) << reader->Finish().error_message();
    call.TryCancel();
    if (i % 8 == 0) revision = daemon_.Put("w", "k", "v");
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
}

// Plan: do not read while much more is written than a connection and the buffer hold.
TEST_F(WatchTest, SlowWatcherIsCutOff) {
  const uint64_t first = daemon_.Put("w", "k", "0");
  CallScope call;
  const std::unique_ptr<AccountReader> reader = Watch(call, "w", first);
  ASSERT_EQ(Next(*reader, 1).size(), 1u);
  for (int i = 0; i < 32; ++i) daemon_.Put("w", "k", std::string(1 << 20, 'v'));
  v1::WatchAccountResponse response;
  while (reader->Read(&response)) {
  }
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
  EXPECT_EQ(FactsOf(status).reason, "WATCH_TOO_SLOW");
}

TEST_F(WatchTest, DrainEndsWatches) {
  const uint64_t first = daemon_.Put("w", "k", "v");
  CallScope account_call;
  const std::unique_ptr<AccountReader> account = Watch(account_call, "w", first);
  ASSERT_EQ(Next(*account, 1).size(), 1u);
  CallScope table_call;
  const std::unique_ptr<TableReader> table = daemon_.routing->WatchTable(&table_call, {});
  v1::WatchTableResponse update;
  ASSERT_TRUE(table->Read(&update));
  daemon_.front_end().BeginDrain();
  EXPECT_EQ(FactsOf(account->Finish()).reason, "DRAINING");
  EXPECT_EQ(FactsOf(table->Finish()).reason, "DRAINING");
}

TEST_F(WatchTest, TableWatchBeginsWithTheTableOrASignOfLife) {
  for (const uint64_t start_epoch : {uint64_t{0}, uint64_t{1}, uint64_t{77}}) {
    CallScope call;
    v1::WatchTableRequest request;
    request.set_start_epoch(start_epoch);
    const std::unique_ptr<TableReader> reader = daemon_.routing->WatchTable(&call, request);
    v1::WatchTableResponse update;
    ASSERT_TRUE(reader->Read(&update));
    if (start_epoch == 1) {
      EXPECT_EQ(update.progress_epoch(), 1u);
    } else {
      EXPECT_EQ(update.table().epoch(), 1u);
      EXPECT_EQ(update.table().routes_size(), 4);
    }
    call.TryCancel();
  }
}

}  // namespace
}  // namespace shardd::rpc
