// Plan: a front end with several polling threads takes every kind of call at once; each answer
// reaches who asked for it, and no write is lost or made twice.

#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/limits.h"
#include "tests/server/rpc/test_daemon.h"

namespace shardd::rpc {
namespace {

constexpr int kRounds = 50;
constexpr int kOperationsPerFrame = 8;
constexpr int kClientsOfEachKind = 2;

v1::ApplyRequest AddOne(const std::string& id) {
  v1::ApplyRequest request;
  request.mutable_account()->set_namespace_(kNamespace);
  request.mutable_account()->set_id(id);
  request.set_create_account(true);
  v1::Mutation::AddInteger& add = *request.add_mutations()->mutable_add_integer();
  add.set_key("n");
  add.set_delta(1);
  return request;
}

v1::GetRequest Read(const std::string& id, const std::string& key) {
  v1::GetRequest request;
  request.mutable_account()->set_namespace_(kNamespace);
  request.mutable_account()->set_id(id);
  request.add_keys(key);
  return request;
}

std::string ValueOf(const v1::GetResponse& response) {
  return response.entries_size() == 1 ? response.entries(0).value() : "";
}

// Writes and reads an account of its own, and counts in the common one.
void CallOneByOne(v1::StateService::Stub& state, int client) {
  const std::string id = absl::StrCat("unary", client);
  for (int round = 0; round < kRounds; ++round) {
    CallScope put_call;
    CallScope get_call;
    CallScope add_call;
    v1::ApplyResponse applied;
    v1::GetResponse got;
    const std::string value = absl::StrCat(client, "-", round);
    ASSERT_TRUE(state.Apply(&put_call, PutRequest(id, "k", value), &applied).ok());
    ASSERT_TRUE(state.Get(&get_call, Read(id, "k"), &got).ok());
    ASSERT_EQ(ValueOf(got), value);
    ASSERT_TRUE(state.Apply(&add_call, AddOne("common"), &applied).ok());
  }
}

// The same in frames, several under way.
void CallInFrames(v1::StateService::Stub& state, int client) {
  const std::string id = absl::StrCat("session", client);
  CallScope call;
  const auto session = state.Session(&call);
  for (int round = 0; round < kRounds; ++round) {
    v1::SessionRequest frame;
    frame.set_frame_id(static_cast<uint64_t>(round));
    for (int i = 0; i < kOperationsPerFrame; ++i) {
      *frame.add_operations()->mutable_apply() = AddOne("common");
    }
    *frame.add_operations()->mutable_apply() = AddOne(id);
    *frame.add_operations()->mutable_get() = Read(id, "n");
    ASSERT_TRUE(session->Write(frame));
    if (round == 0) continue;
    v1::SessionResponse answer;
    ASSERT_TRUE(session->Read(&answer));
    ASSERT_EQ(answer.frame_id(), static_cast<uint64_t>(round - 1));
    ASSERT_EQ(answer.results_size(), kOperationsPerFrame + 2);
    ASSERT_EQ(ValueOf(answer.results(kOperationsPerFrame + 1).get()), absl::StrCat(round));
  }
  session->WritesDone();
  v1::SessionResponse answer;
  ASSERT_TRUE(session->Read(&answer));
  ASSERT_FALSE(session->Read(&answer));
  ASSERT_TRUE(session->Finish().ok());
}

// Sees every change of the common account, in order.
void WatchTheCommonOne(v1::StateService::Stub& state, uint64_t from, uint64_t changes) {
  v1::WatchAccountRequest request;
  request.mutable_account()->set_namespace_(kNamespace);
  request.mutable_account()->set_id("common");
  request.set_start_revision(from);
  CallScope call;
  const auto watch = state.WatchAccount(&call, request);
  v1::WatchAccountResponse response;
  for (uint64_t next = from; next < from + changes;) {
    ASSERT_TRUE(watch->Read(&response));
    for (const v1::AccountChange& change : response.changes()) ASSERT_EQ(change.revision(), next++);
  }
  call.TryCancel();
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

static_assert(kClientsOfEachKind * kRounds * (1 + kOperationsPerFrame) <
                  limits::kWatchBufferChangesMax,
              "a watch that is slow in this test is not too slow");

TEST(PollersTest, SeveralPollersServeAMixedLoad) {
  TestDaemon::Options options;
  options.front_end.pollers = 3;
  TestDaemon daemon(std::move(options));
  daemon.CreateNamespace(kNamespace);
  const uint64_t first = daemon.Put("common", "x", "y");
  constexpr uint64_t kAdded = uint64_t{kClientsOfEachKind} * kRounds * (1 + kOperationsPerFrame);

  std::vector<std::thread> clients;
  const auto run = [&](std::function<void(v1::StateService::Stub&)> calls) {
    clients.emplace_back([&daemon, calls = std::move(calls)] {
      calls(*v1::StateService::NewStub(daemon.NewChannel()));
    });
  };
  for (int client = 0; client < kClientsOfEachKind; ++client) {
    run([client](auto& state) { CallOneByOne(state, client); });
    run([client](auto& state) { CallInFrames(state, client); });
    run([&](auto& state) { WatchTheCommonOne(state, first, 1 + kAdded); });
  }
  for (std::thread& client : clients) client.join();

  v1::GetResponse got;
  CallScope call;
  ASSERT_TRUE(daemon.state->Get(&call, Read("common", "n"), &got).ok());
  EXPECT_EQ(ValueOf(got), absl::StrCat(kAdded));
  size_t pollers = 0;
  v1::ListThreadsResponse threads;
  CallScope list_call;
  ASSERT_TRUE(daemon.threads->ListThreads(&list_call, {}, &threads).ok());
  for (const v1::Thread& thread : threads.threads()) {
    pollers += thread.role() == v1::THREAD_ROLE_POLLER ? 1 : 0;
  }
  EXPECT_EQ(pollers, 3u);
}

}  // namespace
}  // namespace shardd::rpc
