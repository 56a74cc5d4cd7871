// Plan: let consumers handle messages of a fake daemon, with handlers that succeed, fail, throw or
// take too long, and a daemon that goes away; each message must take effect once, those of an
// account one after the other, and what fails must be given back.
#include "client/consumer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/error.h"
#include "tests/client/fake_daemon.h"

namespace shardd::client {
namespace {

class ConsumerTest : public ::testing::Test {
 protected:
  ConsumerTest() {
    ClientOptions options;
    options.connection.endpoints = {daemon_.endpoint()};
    client_ = *Client::Create(options, clock_);
    options_.subscription.set_namespace_("shop");
    daemon_.WithStore([](FakeStore& store) {
      v1::Namespace made;
      return store.CreateNamespace("shop", &made);
    });
  }

  void Put(const std::string& id, const std::string& payload) {
    daemon_.WithStore([&](FakeStore& store) {
      v1::AccountRef receiver;
      receiver.set_namespace_("shop");
      receiver.set_id(id);
      v1::CreateAccountRequest create;
      *create.mutable_account() = receiver;
      v1::Account made;
      store.CreateAccount(create, &made);
      store.mailboxes.Add(receiver, payload);
    });
  }

  // Appends the payload to the receiver's log.
  static v1::ApplyRequest Log(const Delivery& delivery) {
    v1::ApplyRequest request;
    auto& append = *request.add_mutations()->mutable_append();
    append.set_key("log");
    append.set_value(delivery.message().payload());
    return request;
  }

  std::string LogOf(const std::string& id) {
    return daemon_.WithStore(
        [&](FakeStore& store) { return store.accounts[{"shop", id}].entries["log"].value(); });
  }

  // Runs a consumer until no message is left.
  Consumer::Counts Consume(const Consumer::Handler& handler) {
    Consumer consumer(*client_, options_, handler);
    absl::Status ended;
    std::thread running([&] { ended = consumer.Run(); });
    daemon_.Await([](const FakeStore& store) { return store.mailboxes.size() == 0; });
    consumer.Stop();
    running.join();
    EXPECT_TRUE(ended.ok()) << ended;
    return consumer.counts();
  }

  JumpingClock clock_;
  FakeDaemon daemon_;
  std::unique_ptr<Client> client_;
  ConsumerOptions options_;
};

TEST_F(ConsumerTest, CommitsWhatTheHandlerReturnsWithTheAcknowledgement) {
  for (int i = 0; i < 10; ++i) {
    for (const char* id : {"a", "b", "c"}) Put(id, std::to_string(i));
  }
  const uint64_t writes = daemon_.WithStore([](FakeStore& store) { return store.writes; });
  const Consumer::Counts counts = Consume([](Delivery& delivery) { return Log(delivery); });
  for (const char* id : {"a", "b", "c"}) EXPECT_EQ(LogOf(id), "0123456789");
  EXPECT_EQ(daemon_.WithStore([](FakeStore& store) { return store.writes; }), writes + 30);
  EXPECT_EQ(counts.handled, 30u);
  EXPECT_EQ(counts.failed + counts.lost + counts.in_doubt, 0u);
}

// Plan: all handlers meet before any goes on, so they work at a time; none meets its own account.
TEST_F(ConsumerTest, HandlesSeveralAccountsAtATimeAndOneMessageOfEach) {
  constexpr size_t kAccounts = 3;
  options_.handlers = kAccounts;
  for (const char* id : {"a", "b", "c"}) {
    Put(id, "1");
    Put(id, "2");
  }
  std::mutex mutex;
  std::condition_variable changed;
  std::set<std::string> busy;
  size_t most = 0;
  Consume([&](Delivery& delivery) {
    const std::string& id = delivery.message().receiver().id();
    std::unique_lock<std::mutex> lock(mutex);
    EXPECT_TRUE(busy.insert(id).second) << id;
    most = std::max(most, busy.size());
    changed.notify_all();
    changed.wait(lock, [&] { return most == kAccounts; });
    busy.erase(id);
    return Log(delivery);
  });
  for (const char* id : {"a", "b", "c"}) EXPECT_EQ(LogOf(id), "12");
}

TEST_F(ConsumerTest, WhatFailsIsGivenBackForLongerEachTime) {
  options_.failure_delay_first = absl::Seconds(1);
  options_.failure_delay_max = absl::Seconds(3);
  std::vector<std::string> failures;
  options_.on_failure = [&](const Delivery& delivery, const absl::Status& failure) {
    failures.push_back(absl::StrCat(delivery.attempt(), " ", failure.message()));
  };
  Put("a", "x");
  const Consumer::Counts counts =
      Consume([](Delivery& delivery) -> absl::StatusOr<v1::ApplyRequest> {
        if (delivery.attempt() == 1) return absl::InternalError("not today");
        if (delivery.attempt() == 2) return std::vector<v1::ApplyRequest>().at(0);  // throws
        v1::ApplyRequest request = Log(delivery);
        // Refused by the daemon.
        if (delivery.attempt() == 3) request.add_preconditions()->set_entry_exists("k");
        return request;
      });
  EXPECT_EQ(counts.failed, 3u);
  EXPECT_EQ(counts.handled, 1u);
  EXPECT_EQ(LogOf("a"), "x");
  ASSERT_EQ(failures.size(), 3u);
  EXPECT_EQ(failures[0], "1 not today");
  EXPECT_EQ(failures[1].substr(0, 21), "2 the handler threw: ");
  std::vector<int64_t> delays;
  daemon_.WithStore([&](FakeStore& store) {
    for (const v1::NackRequest& nack : store.mailboxes.nacks) {
      delays.push_back(nack.delay().seconds());
    }
  });
  EXPECT_EQ(delays, std::vector<int64_t>({1, 2, 3}));
}

TEST_F(ConsumerTest, WhoseLeaseHasEndedChangesNothing) {
  Put("a", "x");
  const Consumer::Counts counts = Consume([&](Delivery& delivery) {
    if (delivery.attempt() == 1) {
      daemon_.WithStore([](FakeStore& store) { store.mailboxes.EndLeases(); });
      const absl::Status late = delivery.ExtendLease(absl::Minutes(1));
      EXPECT_EQ(DetailOf(late).reason, v1::ERROR_REASON_MESSAGE_LEASE_ENDED);
    } else {
      EXPECT_TRUE(delivery.ExtendLease(absl::Milliseconds(1500)).ok());
    }
    return Log(delivery);
  });
  EXPECT_EQ(counts.lost, 1u);
  EXPECT_EQ(counts.handled, 1u);
  EXPECT_EQ(LogOf("a"), "x");
  daemon_.WithStore([](FakeStore& store) {
    ASSERT_EQ(store.mailboxes.extensions.size(), 1u);
    EXPECT_EQ(store.mailboxes.extensions[0].lease().seconds(), 1);
    EXPECT_EQ(store.mailboxes.extensions[0].lease().nanos(), 500'000'000);
  });
}

TEST_F(ConsumerTest, StopLetsWhatIsHandledEndAndBeginsNothing) {
  Put("a", "x");
  Put("b", "y");
  options_.handlers = 1;
  std::unique_ptr<Consumer> consumer;
  std::atomic<int> begun = 0;
  consumer = std::make_unique<Consumer>(*client_, options_, [&](Delivery& delivery) {
    ++begun;
    consumer->Stop();
    return Log(delivery);
  });
  EXPECT_TRUE(consumer->Run().ok());
  EXPECT_EQ(begun, 1);
  EXPECT_EQ(consumer->counts().handled, 1u);
  daemon_.WithStore([](FakeStore& store) {
    EXPECT_EQ(store.mailboxes.size(), 1u);
    EXPECT_EQ(store.mailboxes.out(), 0u);
  });
}

TEST_F(ConsumerTest, StopEndsThoseWhoWait) {
  Consumer consumer(*client_, options_, [](Delivery& delivery) { return Log(delivery); });
  absl::Status ended = absl::UnknownError("it runs");
  std::thread running([&] { ended = consumer.Run(); });
  while (daemon_.receives() < options_.handlers) std::this_thread::yield();
  consumer.Stop();
  running.join();
  EXPECT_TRUE(ended.ok()) << ended;
}

TEST_F(ConsumerTest, WaitsForADaemonThatIsGone) {
  FakeDaemon::Faults faults;
  faults.failing_receives = 20;
  faults.call_error = grpc::Status(grpc::StatusCode::UNAVAILABLE, "draining");
  daemon_.SetFaults(faults);
  Put("a", "x");
  EXPECT_EQ(Consume([](Delivery& delivery) { return Log(delivery); }).handled, 1u);
  EXPECT_GE(clock_.waits().size(), 20u);
}

// Plan: no try of the commit is answered; only the end of the lease brings the message back.
TEST_F(ConsumerTest, ACommitInDoubtIsLeftToItsLease) {
  Put("a", "x");
  FakeDaemon::Faults faults;
  faults.failing_calls = client_->options().retry.tries_max;
  faults.call_error = grpc::Status(grpc::StatusCode::UNAVAILABLE, "no answer");
  daemon_.SetFaults(faults);
  Consumer consumer(*client_, options_, [](Delivery& delivery) { return Log(delivery); });
  std::thread running([&] { EXPECT_TRUE(consumer.Run().ok()); });
  while (consumer.counts().in_doubt == 0) std::this_thread::yield();
  daemon_.WithStore([](FakeStore& store) {
    EXPECT_EQ(store.mailboxes.out(), 1u);
    EXPECT_TRUE(store.mailboxes.nacks.empty());
    store.mailboxes.EndLeases();
  });
  daemon_.Await([](const FakeStore& store) { return store.mailboxes.size() == 0; });
  consumer.Stop();
  running.join();
  EXPECT_EQ(consumer.counts().handled, 1u);
  EXPECT_EQ(consumer.counts().failed, 0u);
}

TEST_F(ConsumerTest, AnErrorThatStaysEndsTheRun) {
  FakeDaemon::Faults faults;
  faults.failing_receives = -1;
  faults.call_error = Refusal(grpc::StatusCode::NOT_FOUND, v1::ERROR_REASON_NAMESPACE_NOT_FOUND,
                              "namespace shop does not exist");
  daemon_.SetFaults(faults);
  Consumer consumer(*client_, options_, [](Delivery& delivery) { return Log(delivery); });
  EXPECT_EQ(DetailOf(consumer.Run()).reason, v1::ERROR_REASON_NAMESPACE_NOT_FOUND);
}

TEST_F(ConsumerTest, WrongOptionsAreNamed) {
  const auto run = [this] {
    Consumer consumer(*client_, options_, [](Delivery& delivery) { return Log(delivery); });
    return std::string(consumer.Run().message());
  };
  options_.handlers = 0;
  EXPECT_EQ(run(), "handlers is 0; it must be 1 to 1024");
  options_.handlers = Consumer::kHandlersMax + 1;
  EXPECT_EQ(run(), "handlers is 1025; it must be 1 to 1024");
  options_.handlers = 1;
  options_.receive_timeout = absl::ZeroDuration();
  EXPECT_EQ(run(), "receive_timeout must be more than 0");
  options_.subscription.set_concurrent(true);
  EXPECT_NE(run().find("subscription.concurrent"), std::string::npos);
}

}  // namespace
}  // namespace shardd::client
