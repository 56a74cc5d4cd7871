// Plan: a worker by itself, on a store in memory, whose coordinator is the test.
#include "server/runtime/shard_worker.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/threads_tracking_service/thread_registry.h"
#include "storage/memory_store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/gated_store.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

constexpr storage::Family kWorkersHome{1};
constexpr RoutingKey kMiddleOfAll{uint64_t{1} << 63, 0};
const Route kSurvivor{ShardId{1}, {kFirstRoutingKey, kMiddleOfAll}, kWorkersHome};
const Route kEnded{ShardId{2}, {kMiddleOfAll, std::nullopt}, kWorkersHome};

// Notes what the worker does, in order.
class WorkerLog final : public ReplySink {
 public:
  void OnReply(Reply reply) override {
    lines.push_back(absl::StrCat("reply ", reply.call.call, reply.answer.ok() ? "" : " refused"));
    if (reply.call == last) on_last();
  }
  void OnWatchEvent(WatchEvent) override {}
  void OnCoordinatorReply(CoordinatorReply) override {}

  std::vector<std::string> lines;
  CallId last;
  std::function<void()> on_last = [] {};
};

class ShardWorkerTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_THAT(memory_.CreateHome(kWorkersHome), IsOk()); }

  std::unique_ptr<ShardWorker> NewWorker(const Route& route) {
    ShardWorker::Environment environment{.store = store_,
                                         .clock = clock_,
                                         .sink = log_,
                                         .on_purge_result = [](const PurgeResult&) {},
                                         .on_messages_ready = [](const MessagesReady&) {},
                                         .on_report =
                                             [this](const ShardReport& report) {
                                               if (std::holds_alternative<TableFlipped>(report))
                                                 log_.lines.push_back("flipped");
                                             },
                                         .survey = [](const SurveyOrder&) {},
                                         .cancel_survey = [](CancelJob) {},
                                         .start_shard = [](ShardWorker&, const StartShard&) {},
                                         .end_shard = [](ShardWorker&, EndShard) {},
                                         .on_stale_routes = [](uint64_t) {},
                                         .on_storage_failure = [](const absl::Status&) {},
                                         .on_finished = [] {}};
    return std::make_unique<ShardWorker>(
        ShardCore(route, TableEpoch{1}, ShardStats(), ShardCore::Options()),
        std::make_shared<ShardMailbox>(QueueLimits{100, 1 << 20}, TableEpoch{1}, clock_), threads_,
        std::move(environment));
  }

  // What its owner gives away.
  std::shared_ptr<HandOver> StateOf(const Route& route) {
    ShardCore owner(route, TableEpoch{1}, ShardStats(), ShardCore::Options());
    ShardTurn turn;
    turn.now = clock_.Now();
    turn.committed = &memory_;
    owner.Step(ShardCommand(Retire{OperationId{7}}), turn);
    return std::get<ShardRetired>(std::get<ShardReport>(turn.effects.back())).state;
  }

  // Runs so many requests in one turn; while the first one reads, the neighbour retires.
  void HandOverDuringTheFirstOf(size_t count) {
    const std::unique_ptr<ShardWorker> worker = NewWorker(kSurvivor);
    ShardMailbox& mailbox = *worker->mailbox();
    ShardMailbox::Item item;
    for (uint64_t i = 0; item.size() < count; ++i) {
      const AccountRef account{"", absl::StrCat("id", i)};  // spread over all ranges
      if (!kSurvivor.range.Contains(account.routing_key())) continue;
      ShardRequest request;
      request.call = CallId{item.size() + 1, 0};
      request.body = ApplyRequest{
          .account = account, .create_account = true, .mutations = {shardd::Put{"k", "v"}}};
      item.push_back(std::move(request));
    }
    store_.OnGet([this, &mailbox, handed = false]() mutable {
      if (std::exchange(handed, true)) return;
      mailbox.PushCommand(Absorb{OperationId{7}, TableEpoch{2}, kEnded, StateOf(kEnded), {}});
    });
    ASSERT_EQ(mailbox.Push(std::move(item), TableEpoch{1}), ShardMailbox::PushResult::kAccepted);
    log_.last = CallId{count, 0};
    log_.on_last = [&worker] { worker->Close(); };
    worker->Start();
    worker->Join();
    batches_ = worker->Status(kSurvivor).batches_total;
  }

  FakeClock clock_;
  storage::MemoryStore memory_;
  GatedStore store_{memory_};
  ThreadRegistry threads_{clock_};
  WorkerLog log_;
  uint64_t batches_ = 0;
};

// Plan: while the first of some requests reads, a neighbour's range is handed to their worker. The
// one commit of that request is enough for both, be it the last of the turn or not.
TEST_F(ShardWorkerTest, ARangeIsTakenOverInTheMiddleOfATurn) {
  HandOverDuringTheFirstOf(2);
  EXPECT_EQ(log_.lines, (std::vector<std::string>{"reply 1", "flipped", "reply 2"}));
  EXPECT_EQ(batches_, 2);
}

// Plan: that commit fails; neither request runs any more, and both are answered.
TEST_F(ShardWorkerTest, AFailedCommitInTheMiddleOfATurnEndsIt) {
  memory_.FailNextCommit(absl::DataLossError("planned"));
  HandOverDuringTheFirstOf(3);
  EXPECT_EQ(log_.lines,
            (std::vector<std::string>{"reply 1 refused", "reply 2 refused", "reply 3 refused"}));
  EXPECT_EQ(batches_, 1);
}

TEST_F(ShardWorkerTest, ARangeIsTakenOverAtTheEndOfATurn) {
  HandOverDuringTheFirstOf(1);
  EXPECT_EQ(log_.lines, (std::vector<std::string>{"reply 1", "flipped"}));
  EXPECT_EQ(batches_, 1);
}

}  // namespace
}  // namespace shardd
