// Plan: threads over a real connection: list them, watch one get stuck and go on, take stacks; and
// everything that must be refused.

#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/runtime/thread_watchdog.h"
#include "server/threads_tracking_service/limits.h"
#include "tests/server/rpc/test_daemon.h"

namespace shardd::rpc {
namespace {

using EventReader = grpc::ClientReader<v1::WatchThreadsResponse>;

class ThreadTrackingTest : public testing::Test {
 protected:
  void SetUp() override { daemon_.CreateNamespace(kNamespace); }

  v1::ListThreadsResponse List(bool own_only = false) {
    v1::ListThreadsRequest request;
    request.set_own_only(own_only);
    v1::ListThreadsResponse response;
    CallScope call;
    EXPECT_TRUE(daemon_.threads->ListThreads(&call, request, &response).ok());
    return response;
  }

  std::unique_ptr<EventReader> Watch(grpc::ClientContext& call, uint64_t start_revision) {
    v1::WatchThreadsRequest request;
    request.set_start_revision(start_revision);
    return daemon_.threads->WatchThreads(&call, request);
  }

  // The next event of this kind.
  static v1::ThreadEvent Next(EventReader& reader, v1::ThreadEventKind kind) {
    v1::WatchThreadsResponse response;
    while (reader.Read(&response)) {
      for (const v1::ThreadEvent& event : response.events()) {
        if (event.kind() == kind) return event;
      }
    }
    ADD_FAILURE() << "the stream ended: " << reader.Finish().error_message();
    return {};
  }

  // All stacks of a dump.
  grpc::Status Dump(const std::string& thread, std::vector<v1::ThreadStack>* stacks) {
    CallScope call;
    v1::DumpStacksRequest request;
    request.set_thread_id(thread);
    const auto reader = daemon_.threads->DumpStacks(&call, request);
    v1::DumpStacksResponse response;
    while (reader->Read(&response)) {
      stacks->insert(stacks->end(), response.stacks().begin(), response.stacks().end());
    }
    return reader->Finish();
  }

  void AppendEvents(size_t count) {
    std::vector<ThreadEvent> events(count);
    while (!daemon_.thread_registry().events().TryAppend(events)) std::this_thread::yield();
  }

  TestDaemon daemon_;
};

TEST_F(ThreadTrackingTest, ListsItsOwnThreadsAndThenThoseOfItsLibraries) {
  const v1::ListThreadsResponse all = List();
  const v1::ListThreadsResponse own = List(/*own_only=*/true);
  EXPECT_LT(own.threads_size(), all.threads_size());
  for (int i = 0; i < all.threads_size(); ++i) {
    const v1::Thread& thread = all.threads(i);
    const bool external = i >= own.threads_size();
    EXPECT_EQ(thread.role() == v1::THREAD_ROLE_EXTERNAL, external) << thread.DebugString();
    EXPECT_EQ(thread.id().substr(0, 3) == "os-", external) << thread.DebugString();
    EXPECT_NE(thread.name(), "");
    v1::GetThreadRequest get;
    get.set_id(thread.id());
    v1::GetThreadResponse got;
    CallScope call;
    const grpc::Status status = daemon_.threads->GetThread(&call, get, &got);
    // Libraries may end their threads.
    if (status.ok() || !external) {
      EXPECT_EQ(got.thread().id(), thread.id()) << status.error_message();
    }
  }
  const auto worker = std::find_if(own.threads().begin(), own.threads().end(), [](const auto& t) {
    return t.role() == v1::THREAD_ROLE_WORKER;
  });
  EXPECT_EQ(worker->shard_id(), "s-0001");
  EXPECT_GT(worker->os_id(), 0u);
  EXPECT_TRUE(worker->has_cpu_time());
  EXPECT_TRUE(worker->has_state_age());
}

TEST_F(ThreadTrackingTest, BadIdsAreRefused) {
  for (const char* id : {"", "x", "os-", "os-x", "os-01", "os--1", "t-4611686018427387905"}) {
    v1::GetThreadRequest get;
    get.set_id(id);
    v1::GetThreadResponse got;
    CallScope call;
    EXPECT_EQ(FactsOf(daemon_.threads->GetThread(&call, get, &got)).field, "id") << id;
    if (*id == 0) continue;  // all threads
    std::vector<v1::ThreadStack> stacks;
    EXPECT_EQ(FactsOf(Dump(id, &stacks)).field, "thread_id") << id;
  }
  for (const char* id : {"t-9999", "os-999999999"}) {
    v1::GetThreadRequest get;
    get.set_id(id);
    v1::GetThreadResponse got;
    CallScope call;
    EXPECT_EQ(FactsOf(daemon_.threads->GetThread(&call, get, &got)).reason, "THREAD_NOT_FOUND");
    std::vector<v1::ThreadStack> stacks;
    EXPECT_EQ(FactsOf(Dump(id, &stacks)).reason, "THREAD_NOT_FOUND") << id;
  }
}

// Plan: hold up a commit under a watchdog with little patience. The worker is named, with storage
// as the cause, in the watch, the list and the status; and no longer when the commit goes through.
TEST_F(ThreadTrackingTest, AWorkerThatStorageHoldsUpIsNamed) {
  ThreadWatchdog::Options options;
  options.stall_after = absl::Milliseconds(100);
  options.look_interval = absl::Milliseconds(10);
  const ThreadWatchdog watchdog(daemon_.thread_registry(), RealClock(), std::move(options));
  CallScope call;
  const auto reader = Watch(call, 1);
  Next(*reader, v1::THREAD_EVENT_KIND_STARTED);
  daemon_.gate().Shut();
  std::thread writer([this] { daemon_.Put("a", "k", "v"); });
  daemon_.gate().WaitForArrivals(1);

  const v1::ThreadEvent stalled = Next(*reader, v1::THREAD_EVENT_KIND_STALLED);
  EXPECT_EQ(stalled.role(), v1::THREAD_ROLE_WORKER);
  EXPECT_EQ(stalled.phase(), v1::THREAD_PHASE_COMMITTING);
  EXPECT_EQ(stalled.cause(), v1::STALL_CAUSE_STORAGE);
  EXPECT_NE(stalled.message().find("storage has not answered"), std::string::npos);
  EXPECT_GE(stalled.phase_time().nanos(), 100'000'000);
  const v1::ListThreadsResponse list = List();
  const auto thread = std::find_if(list.threads().begin(), list.threads().end(),
                                   [&](const auto& t) { return t.id() == stalled.thread_id(); });
  EXPECT_EQ(thread->state(), v1::THREAD_STATE_STALLED);
  EXPECT_EQ(thread->stall_cause(), v1::STALL_CAUSE_STORAGE);
  EXPECT_EQ(thread->stalls_total(), 1u);
  const v1::StatusResponse status = daemon_.front_end().Status();
  EXPECT_EQ(status.verdict(), v1::VERDICT_DEGRADED);
  EXPECT_EQ(status.reasons(0).next_command(), "shardctl thread stack " + stalled.thread_id());
  EXPECT_NE(status.reasons(0).message().find("cause: storage"), std::string::npos);

  // Its stack says where.
  std::vector<v1::ThreadStack> stacks;
  EXPECT_TRUE(Dump(stalled.thread_id(), &stacks).ok());
  ASSERT_EQ(stacks.size(), 1u);
  EXPECT_NE(stacks[0].text().find("GatedStore::Commit"), std::string::npos) << stacks[0].text();

  daemon_.gate().Open();
  writer.join();
  // Others may have been held up too, by a machine with much to do.
  v1::ThreadEvent recovered = Next(*reader, v1::THREAD_EVENT_KIND_RECOVERED);
  while (recovered.thread_id() != stalled.thread_id() && !recovered.thread_id().empty()) {
    recovered = Next(*reader, v1::THREAD_EVENT_KIND_RECOVERED);
  }
  EXPECT_EQ(recovered.phase(), v1::THREAD_PHASE_COMMITTING);
  EXPECT_GT(recovered.revision(), stalled.revision());
  call.TryCancel();
}

TEST_F(ThreadTrackingTest, AWatchResumesAndBeginsWithASignOfLife) {
  AppendEvents(3);
  CallScope now_call;
  const auto now = Watch(now_call, 0);
  v1::WatchThreadsResponse response;
  ASSERT_TRUE(now->Read(&response));
  EXPECT_EQ(response.events_size(), 0);
  EXPECT_EQ(response.progress_revision(), 3u);
  CallScope resumed_call;
  const auto resumed = Watch(resumed_call, 2);
  ASSERT_TRUE(resumed->Read(&response));
  ASSERT_EQ(response.events_size(), 2);
  EXPECT_EQ(response.events(0).revision(), 2u);
  EXPECT_EQ(response.progress_revision(), 3u);
  AppendEvents(1);
  ASSERT_TRUE(now->Read(&response));
  EXPECT_EQ(response.events(0).revision(), 4u);
  now_call.TryCancel();
  resumed_call.TryCancel();
}

TEST_F(ThreadTrackingTest, MoreEventsThanAMessageHoldsComeInSeveral) {
  AppendEvents(limits::kThreadEventsPerMessage + 1);
  CallScope call;
  const auto reader = Watch(call, 1);
  v1::WatchThreadsResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(static_cast<size_t>(response.events_size()), limits::kThreadEventsPerMessage);
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.events_size(), 1);
  call.TryCancel();
}

TEST_F(ThreadTrackingTest, EventsThatAreNotKeptAreSaidSo) {
  AppendEvents(limits::kThreadEventsKept + 5);
  for (const uint64_t start : {uint64_t{5}, limits::kThreadEventsKept + 7}) {
    CallScope call;
    const auto reader = Watch(call, start);
    v1::WatchThreadsResponse response;
    EXPECT_FALSE(reader->Read(&response));
    const grpc::Status status = reader->Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
    EXPECT_EQ(FactsOf(status).reason, "REVISION_COMPACTED");
    EXPECT_EQ(FactsOf(status).metadata.at("oldest_revision"), "6");
  }
}

// Plan: all stacks; each of the daemon's threads must have answered, and a worker must be where
// workers wait.
TEST_F(ThreadTrackingTest, DumpsAllStacks) {
  std::vector<v1::ThreadStack> stacks;
  ASSERT_TRUE(Dump("", &stacks).ok());
  std::map<v1::ThreadRole, int> answered;
  for (const v1::ThreadStack& stack : stacks) {
    EXPECT_EQ(stack.answered(), stack.frames_size() > 0) << stack.DebugString();
    EXPECT_EQ(stack.answered(), stack.silent_because().empty());
    // Only libraries have threads that refuse signals.
    EXPECT_TRUE(stack.answered() || stack.thread().role() == v1::THREAD_ROLE_EXTERNAL)
        << stack.DebugString();
    EXPECT_NE(stack.text(), "");
    if (stack.answered()) ++answered[stack.thread().role()];
    if (stack.thread().role() == v1::THREAD_ROLE_WORKER) {
      EXPECT_NE(stack.text().find("shardd::ShardWorker::Loop"), std::string::npos) << stack.text();
    }
  }
  EXPECT_EQ(answered[v1::THREAD_ROLE_WORKER], 4);
  EXPECT_EQ(answered[v1::THREAD_ROLE_COORDINATOR], 1);
  EXPECT_GE(answered[v1::THREAD_ROLE_POLLER], 1);
  EXPECT_GE(answered[v1::THREAD_ROLE_EXTERNAL], 1);
}

// Plan: many ask at once, some of whose callers leave, until each of the others has its stacks; who
// comes at a bad time is told to come back. Then the daemon stops in the middle of a dump.
TEST_F(ThreadTrackingTest, DumpsAreMadeOneAtATime) {
  std::vector<std::thread> callers;
  std::atomic<int> refused{0};
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([this, leaves = i % 2 == 0, &refused] {
      for (bool done = false; !done;) {
        CallScope call;
        const auto reader = daemon_.threads->DumpStacks(&call, {});
        if (leaves) call.TryCancel();
        v1::DumpStacksResponse response;
        while (reader->Read(&response)) {
        }
        const grpc::Status status = reader->Finish();
        done = status.ok() || status.error_code() == grpc::StatusCode::CANCELLED;
        if (done) continue;
        ++refused;
        EXPECT_EQ(FactsOf(status).reason, "TOO_MANY_CALLS");
        EXPECT_TRUE(FactsOf(status).retry_after.has_value());
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_GT(refused, 0);
  CallScope call;
  const auto last = daemon_.threads->DumpStacks(&call, {});
  daemon_.Stop();
}

TEST_F(ThreadTrackingTest, OperatorsMayLookWhileTheDaemonDrains) {
  daemon_.front_end().BeginDrain();
  EXPECT_GT(List().threads_size(), 0);
  std::vector<v1::ThreadStack> stacks;
  EXPECT_TRUE(Dump("", &stacks).ok());
  CallScope call;
  const auto reader = Watch(call, 0);
  v1::WatchThreadsResponse response;
  EXPECT_TRUE(reader->Read(&response));
  call.TryCancel();
}

}  // namespace
}  // namespace shardd::rpc
