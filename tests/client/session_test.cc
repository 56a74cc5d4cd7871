// Plan: send frames over a session and break it in all ways it can break; each frame must get
// exactly one answer, in order, and the window must bound what is unanswered.
#include "client/session.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "client/error.h"
#include "tests/client/fake_daemon.h"

namespace shardd::client {
namespace {

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() {
    ClientOptions options;
    options.connection.endpoints = {daemon_.endpoint()};
    client_ = *Client::Create(options);
  }

  static v1::SessionRequest Frame(int number) {
    v1::SessionRequest frame;
    v1::ApplyRequest& apply = *frame.add_operations()->mutable_apply();
    apply.mutable_account()->set_id("cart");
    apply.set_create_account(true);
    apply.set_request_id("r-" + std::to_string(number));
    auto& append = *apply.add_mutations()->mutable_append();
    append.set_key("log");
    append.set_value(std::to_string(number) + ",");
    return frame;
  }

  void BreakAt(int frame) {
    FakeDaemon::Faults faults;
    faults.break_at_frame = frame;
    daemon_.SetFaults(faults);
  }

  std::string Log() {
    return daemon_.WithStore([](FakeStore& store) {
      return store.accounts[{"", "cart"}].entries["log"].value();
    });
  }

  FakeDaemon daemon_;
  std::unique_ptr<Client> client_;
};

TEST_F(SessionTest, AnswersEveryFrameInOrder) {
  Session session(*client_, {});
  std::vector<uint64_t> revisions;
  for (int i = 0; i < 100; ++i) {
    const absl::Status sent =
        session.Send(Frame(i), [&](absl::StatusOr<v1::SessionResponse> response) {
          ASSERT_TRUE(response.ok()) << response.status();
          revisions.push_back(response->results(0).apply().revision());
        });
    ASSERT_TRUE(sent.ok()) << sent;
  }
  EXPECT_TRUE(session.Finish().ok());
  ASSERT_EQ(revisions.size(), 100u);
  for (size_t i = 0; i < revisions.size(); ++i) EXPECT_EQ(revisions[i], i + 1);
  EXPECT_EQ(Log().substr(0, 8), "0,1,2,3,");
}

TEST_F(SessionTest, GivesTheAnswerAsAFuture) {
  Session session(*client_, {});
  auto answer = session.Send(Frame(1));
  const auto response = answer.get();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->results_size(), 1);
}

// The daemon closes connections of a certain age; whoever holds a stream opens it again.
TEST(SessionOnOldConnectionTest, EndsWithAnErrorThatSaysToTryAgain) {
  FakeDaemon daemon(absl::Milliseconds(100));
  ClientOptions options;
  options.connection.endpoints = {daemon.endpoint()};
  const auto client = *Client::Create(options);
  for (int times = 0; times < 2; ++times) {
    Session session(*client, {});
    int answers = 0;
    absl::Status end;
    while (end.ok()) {
      v1::SessionRequest frame;
      frame.add_operations()->mutable_get()->mutable_account()->set_id("cart");
      end = session.Send(std::move(frame)).get().status();
      if (end.ok()) ++answers;
    }
    EXPECT_TRUE(IsTransient(end)) << end;
    EXPECT_GT(answers, 0);
  }
}

TEST_F(SessionTest, CarriesErrorsOfSingleOperations) {
  Session session(*client_, {});
  v1::SessionRequest frame = Frame(1);
  v1::GetRequest& get = *frame.add_operations()->mutable_get();
  get.mutable_account()->set_id("nobody");
  get.add_keys("x");
  const auto response = session.Send(frame).get();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_TRUE(response->results(0).has_apply());
  EXPECT_EQ(response->results(1).error().reason(), v1::ERROR_REASON_ACCOUNT_NOT_FOUND);
}

TEST_F(SessionTest, DrainWaitsForAllAnswers) {
  Session session(*client_, {});
  std::atomic<int> answers = 0;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(session.Send(Frame(i), [&](const auto&) { ++answers; }).ok());
  }
  EXPECT_TRUE(session.Drain().ok());
  EXPECT_EQ(answers, 5);
  ASSERT_TRUE(session.Send(Frame(5), [&](const auto&) { ++answers; }).ok());
  EXPECT_TRUE(session.Finish().ok());
  EXPECT_EQ(answers, 6);
}

TEST_F(SessionTest, ABrokenStreamAnswersWhatIsLeftWithItsError) {
  BreakAt(3);
  Session session(*client_, {});
  std::vector<absl::Status> answers(20, absl::UnknownError("no answer"));
  for (size_t i = 0; i < answers.size(); ++i) {
    session
        .Send(Frame(static_cast<int>(i)),
              [&answers, i](const absl::StatusOr<v1::SessionResponse>& response) {
                answers[i] = response.status();
              })
        .IgnoreError();
  }
  EXPECT_TRUE(absl::IsUnavailable(session.Finish()));
  EXPECT_TRUE(answers[0].ok());
  EXPECT_TRUE(answers[1].ok());
  for (size_t i = 2; i < answers.size(); ++i) {
    EXPECT_TRUE(absl::IsUnavailable(answers[i])) << i << " " << answers[i];
    EXPECT_EQ(DetailOf(answers[i]).effect, v1::EFFECT_UNKNOWN);
  }
  // The third frame took effect although its answer was lost.
  EXPECT_EQ(Log(), "0,1,2,");
}

TEST_F(SessionTest, SendingAgainWithTheSameRequestIdsIsHarmless) {
  BreakAt(2);
  {
    Session session(*client_, {});
    for (int i = 0; i < 2; ++i) session.Send(Frame(i)).wait();
  }
  BreakAt(0);
  Session session(*client_, {});
  for (int i = 0; i < 2; ++i) {
    const auto response = session.Send(Frame(i)).get();
    ASSERT_TRUE(response.ok());
    EXPECT_TRUE(response->results(0).apply().replayed());
  }
  EXPECT_EQ(Log(), "0,1,");
}

TEST_F(SessionTest, GivesUpOnADaemonThatDoesNotAnswer) {
  FakeDaemon::Faults faults;
  faults.silent_sessions = true;
  daemon_.SetFaults(faults);
  SessionOptions options;
  options.frames_in_flight_max = 2;
  options.answer_timeout = absl::Milliseconds(50);
  Session session(*client_, options);
  std::atomic<int> errors = 0;
  const auto count = [&](const absl::StatusOr<v1::SessionResponse>& response) {
    if (absl::IsUnavailable(response.status())) ++errors;
  };
  EXPECT_TRUE(session.Send(Frame(1), count).ok());
  EXPECT_TRUE(session.Send(Frame(2), count).ok());
  EXPECT_TRUE(absl::IsUnavailable(session.Send(Frame(3), count)));
  EXPECT_EQ(errors, 3);
}

TEST_F(SessionTest, CancelEndsItSoon) {
  FakeDaemon::Faults faults;
  faults.silent_sessions = true;
  daemon_.SetFaults(faults);
  Session session(*client_, {});
  auto answer = session.Send(Frame(1));
  session.Cancel();
  EXPECT_TRUE(absl::IsCancelled(answer.get().status()));
  EXPECT_TRUE(absl::IsCancelled(session.Finish()));
}

TEST_F(SessionTest, RefusesFramesAfterTheEnd) {
  Session session(*client_, {});
  EXPECT_TRUE(session.Finish().ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(session.Send(Frame(1)).get().status()));
}

TEST_F(SessionTest, SaysThatTheDaemonIsNotThere) {
  daemon_.Stop();
  Session session(*client_, {});
  EXPECT_TRUE(absl::IsUnavailable(session.Send(Frame(1)).get().status()));
}

}  // namespace
}  // namespace shardd::client
