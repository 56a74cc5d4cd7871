// Plan: make answers wait up to the bound, by themselves and behind a caller who does not read:
// what is beyond is refused, and what has been sent makes room again.

#include "server/rpc/unsent_answers.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "tests/server/rpc/test_daemon.h"

namespace shardd::rpc {
namespace {

TEST(UnsentAnswersTest, RefusesBeyondItsBound) {
  UnsentAnswers unsent(100);
  EXPECT_TRUE(unsent.Add(60).ok());
  EXPECT_EQ(ReasonOf(unsent.Add(41)), Reason::kTooManyCalls);
  EXPECT_EQ(unsent.bytes(), 60u);
  EXPECT_TRUE(unsent.Add(40).ok());
  unsent.Remove(60);
  EXPECT_TRUE(unsent.Add(60).ok());
}

// Plan: a session asks for far more than the bound and reads nothing until all is asked. Each read
// is answered or refused; when all has been read, everything fits again.
TEST(UnsentAnswersTest, ACallerWhoDoesNotReadIsRefused) {
  constexpr size_t kValueBytes = size_t{512} << 10;
  TestDaemon::Options options;
  options.front_end.unsent_bytes_max = 2 * kValueBytes + 4096;
  TestDaemon daemon(options);
  daemon.CreateNamespace(kNamespace);
  daemon.Put("a", "k", std::string(kValueBytes, 'v'));
  v1::SessionRequest frame;
  v1::GetRequest& get = *frame.add_operations()->mutable_get();
  get.mutable_account()->set_namespace_(kNamespace);
  get.mutable_account()->set_id("a");
  get.add_keys("k");
  for (int i = 1; i < 5; ++i) *frame.add_operations() = frame.operations(0);
  CallScope call;
  const auto stream = daemon.state->Session(&call);
  ASSERT_TRUE(stream->Write(frame));
  v1::SessionResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_EQ(response.results_size(), 5);
  for (int i = 0; i < 5; ++i) {
    if (i < 2) {
      EXPECT_TRUE(response.results(i).has_get()) << i;
    } else {
      EXPECT_EQ(response.results(i).error().reason(), v1::ERROR_REASON_TOO_MANY_CALLS) << i;
    }
  }
  // The caller may have an answer before the daemon knows that it was sent.
  while (daemon.front_end().unsent_bytes() > 0) std::this_thread::yield();
  v1::SessionRequest one;
  *one.add_operations() = frame.operations(0);
  ASSERT_TRUE(stream->Write(one));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_TRUE(response.results(0).has_get());
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

}  // namespace
}  // namespace shardd::rpc
