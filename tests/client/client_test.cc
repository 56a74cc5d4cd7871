// Plan: let calls fail as a daemon's do; safe ones must be tried again, others not, within bounds
// of tries and time, and what is returned must be the last error.
#include "client/client.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "client/error.h"
#include "tests/client/fake_daemon.h"

namespace shardd::client {
namespace {

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() : client_(Make(daemon_.endpoint())) {}

  std::unique_ptr<Client> Make(const std::string& endpoint,
                               const std::string& endpoint_before = "") {
    ClientOptions options;
    options.connection.endpoints = {endpoint};
    if (!endpoint_before.empty()) options.connection.endpoints = {endpoint_before, endpoint};
    auto client = Client::Create(options, clock_, [this] { return ++random_ << 40; });
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  void FailCalls(int times, const grpc::Status& error) {
    FakeDaemon::Faults faults;
    faults.failing_calls = times;
    faults.call_error = error;
    daemon_.SetFaults(faults);
  }

  static v1::ApplyRequest PutRequest(const std::string& id) {
    v1::ApplyRequest request;
    request.mutable_account()->set_id(id);
    request.set_create_account(true);
    auto& put = *request.add_mutations()->mutable_put();
    put.set_key("color");
    put.set_value("blue");
    return request;
  }

  FakeDaemon daemon_;
  JumpingClock clock_;
  uint64_t random_ = 0;
  std::unique_ptr<Client> client_;
};

const grpc::Status kAway(grpc::StatusCode::UNAVAILABLE, "away");

TEST_F(ClientTest, WritesAndReadsBack) {
  const auto applied = client_->Apply(PutRequest("cart"));
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->revision(), 1u);
  v1::GetRequest get;
  get.mutable_account()->set_id("cart");
  get.add_keys("color");
  get.add_keys("size");
  const auto got = client_->Get(get);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->entries(0).value(), "blue");
  EXPECT_EQ(got->missing_keys(0), "size");
}

TEST_F(ClientTest, AWriteGetsARequestIdSoThatARepeatIsHarmless) {
  FailCalls(2, kAway);
  ASSERT_TRUE(client_->Apply(PutRequest("cart")).ok());
  EXPECT_EQ(daemon_.calls(), 3);
  const size_t outcomes = daemon_.WithStore([](FakeStore& store) {
    return store.accounts[{"", "cart"}].outcomes.size();
  });
  EXPECT_EQ(outcomes, 1u);
}

TEST_F(ClientTest, GivesUpAfterFourTriesWithTheLastError) {
  FailCalls(-1, kAway);
  const auto applied = client_->Apply(PutRequest("cart"));
  EXPECT_TRUE(absl::IsUnavailable(applied.status()));
  EXPECT_EQ(daemon_.calls(), 4);
}

TEST_F(ClientTest, ALaterRefusalDoesNotSettleTheDoubtOfAnEarlierTry) {
  const grpc::Status draining = Refusal(grpc::StatusCode::UNAVAILABLE, v1::ERROR_REASON_DRAINING,
                                        "the daemon is shutting down");
  const grpc::Status refused =
      Refusal(grpc::StatusCode::INVALID_ARGUMENT, v1::ERROR_REASON_INVALID_FIELD, "bad");
  for (const grpc::Status& last : {draining, refused}) {
    FakeDaemon::Faults faults;
    faults.failing_calls = -1;
    faults.first_call_error = kAway;
    faults.call_error = last;
    daemon_.SetFaults(faults);
    const absl::Status doubtful = client_->Apply(PutRequest("cart")).status();
    EXPECT_EQ(static_cast<int>(doubtful.code()), last.error_code());
    EXPECT_EQ(DetailOf(doubtful).effect, v1::EFFECT_UNKNOWN) << last.error_message();
    EXPECT_NE(DetailOf(doubtful).reason, v1::ERROR_REASON_UNSPECIFIED);

    FailCalls(-1, last);
    const absl::Status certain = client_->Apply(PutRequest("cart")).status();
    EXPECT_EQ(DetailOf(certain).effect, v1::EFFECT_NOT_APPLIED) << last.error_message();
  }
}

TEST_F(ClientTest, WaitsLongerEachTimeButNoLongerThanASecond) {
  FailCalls(-1, kAway);
  EXPECT_FALSE(client_->Status({}).ok());
  const auto waits = clock_.waits();
  ASSERT_EQ(waits.size(), 3u);
  EXPECT_GE(waits[0], absl::Milliseconds(50));
  EXPECT_LE(waits[0], absl::Milliseconds(100));
  EXPECT_GE(waits[1], absl::Milliseconds(100));
  EXPECT_LE(waits[1], absl::Milliseconds(200));
  EXPECT_GE(waits[2], absl::Milliseconds(200));
  EXPECT_LE(waits[2], absl::Milliseconds(400));
}

TEST_F(ClientTest, HeedsWhenTheDaemonSaysToComeBack) {
  FailCalls(
      1, Refusal(grpc::StatusCode::RESOURCE_EXHAUSTED, v1::ERROR_REASON_MAILBOX_FULL, "full", 700));
  EXPECT_TRUE(client_->Status({}).ok());
  ASSERT_EQ(clock_.waits().size(), 1u);
  // At random a little later, as everybody else was told the same.
  EXPECT_GE(clock_.waits()[0], absl::Milliseconds(700));
  EXPECT_LE(clock_.waits()[0], absl::Milliseconds(1050));
}

TEST(BackoffTest, ManyWhoWereToldTheSameComeBackAtDifferentTimes) {
  uint64_t bits = 0;
  const RandomBits random = [&bits] { return bits; };
  const absl::Status full = FromGrpc(
      Refusal(grpc::StatusCode::RESOURCE_EXHAUSTED, v1::ERROR_REASON_DISK_FULL, "full", 800));
  const auto wait = [&](uint64_t random_bits) {
    bits = random_bits;
    return Backoff(RetryPolicy(), random).Next(full);
  };
  EXPECT_EQ(wait(0), absl::Milliseconds(800));
  EXPECT_EQ(wait(uint64_t{1} << 63), absl::Milliseconds(1000));
  EXPECT_GT(wait(~uint64_t{0}), absl::Milliseconds(1199));
}

TEST_F(ClientTest, DoesNotRepeatWhatWouldFailAgain) {
  const grpc::Status errors[] = {
      Refusal(grpc::StatusCode::RESOURCE_EXHAUSTED, v1::ERROR_REASON_DISK_FULL, "full"),
      Refusal(grpc::StatusCode::INVALID_ARGUMENT, v1::ERROR_REASON_INVALID_FIELD, "bad"),
      Refusal(grpc::StatusCode::FAILED_PRECONDITION, v1::ERROR_REASON_PRECONDITION_FAILED, "no"),
  };
  int calls = 0;
  for (const grpc::Status& error : errors) {
    FailCalls(1, error);
    const absl::Status status = client_->Apply(PutRequest("cart")).status();
    EXPECT_EQ(static_cast<int>(status.code()), error.error_code());
    EXPECT_EQ(daemon_.calls(), ++calls) << error.error_message();
  }
}

TEST_F(ClientTest, DoesNotRepeatACallThatIsNotSafe) {
  FailCalls(-1, kAway);
  v1::DeleteNamespaceRequest request;
  request.set_name("shop");
  EXPECT_TRUE(absl::IsUnavailable(client_->DeleteNamespace(request).status()));
  EXPECT_EQ(daemon_.calls(), 1);
}

// Plan: an operator's call without a request_id meets a shard that is busy, and a daemon that is
// away: only the first is certain to have had no effect.
TEST_F(ClientTest, RepeatsACallThatIsNotSafeAfterARefusal) {
  FailCalls(2, Refusal(grpc::StatusCode::ABORTED, v1::ERROR_REASON_SHARD_BUSY, "busy", 50));
  v1::SplitShardRequest request;
  request.set_id("s-0001");
  EXPECT_TRUE(client_->SplitShard(request).ok());
  EXPECT_EQ(daemon_.calls(), 3);
  FakeDaemon::Faults faults;
  faults.failing_calls = -1;
  faults.first_call_error =
      Refusal(grpc::StatusCode::ABORTED, v1::ERROR_REASON_SHARD_BUSY, "busy", 50);
  faults.call_error = kAway;
  daemon_.SetFaults(faults);
  EXPECT_TRUE(absl::IsUnavailable(client_->SplitShard(request).status()));
  EXPECT_EQ(daemon_.calls(), 5);
}

TEST_F(ClientTest, AnExpectedEpochThatIsStaleIsForTheCallerToSettle) {
  FailCalls(-1, Refusal(grpc::StatusCode::ABORTED, v1::ERROR_REASON_STALE_EPOCH, "stale"));
  v1::SplitShardRequest request;
  request.set_expected_epoch(1);
  EXPECT_EQ(DetailOf(client_->SplitShard(request).status()).reason, v1::ERROR_REASON_STALE_EPOCH);
  EXPECT_EQ(daemon_.calls(), 1);
}

TEST_F(ClientTest, StopsWhenAnotherTryWouldComeTooLate) {
  FailCalls(-1, Refusal(grpc::StatusCode::RESOURCE_EXHAUSTED, v1::ERROR_REASON_MAILBOX_FULL, "full",
                        900));
  ClientOptions options;
  options.connection.endpoints = {daemon_.endpoint()};
  options.timeout = absl::Seconds(1);
  // Without the random part of a wait, two waits would not fit.
  auto client = Client::Create(options, clock_, [] { return uint64_t{0}; });
  EXPECT_TRUE(absl::IsResourceExhausted((*client)->Status({}).status()));
  EXPECT_EQ(daemon_.calls(), 2);
}

TEST_F(ClientTest, TriesTheNextEndpoint) {
  // Nothing listens where another daemon has just stopped.
  std::string dead;
  {
    FakeDaemon other;
    dead = other.endpoint();
  }
  const auto client = Make(daemon_.endpoint(), dead);
  EXPECT_TRUE(client->Status({}).ok());
  EXPECT_EQ(client->connection().endpoint(), daemon_.endpoint());
}

// Without a wait of its own the channel would look again only seconds later, long after these
// tries.
TEST_F(ClientTest, FindsADaemonThatIsBack) {
  ASSERT_TRUE(client_->Apply(PutRequest("cart")).ok());
  daemon_.Stop();
  EXPECT_TRUE(absl::IsUnavailable(client_->Apply(PutRequest("cart")).status()));
  daemon_.Start();
  absl::Status status;
  for (int tries = 0; tries < 10; ++tries) {
    status = client_->Apply(PutRequest("cart")).status();
    if (status.ok()) break;
  }
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(ClientTest, KnowsWhetherTheDaemonServes) {
  EXPECT_EQ(*client_->IsServing(), true);
  daemon_.SetServing(false);
  EXPECT_EQ(*client_->IsServing(), false);
}

TEST_F(ClientTest, PaginatorVisitsEveryItemOnce) {
  for (int i = 0; i < 7; ++i) {
    ASSERT_TRUE(client_->Apply(PutRequest("cart-" + std::to_string(i))).ok());
  }
  v1::ListAccountsRequest request;
  request.set_page_size(3);
  std::vector<std::string> ids;
  int pages = 0;
  const absl::Status status =
      client_->AccountPages(request).ForEach([&](const v1::ListAccountsResponse& page) {
        ++pages;
        for (const v1::Account& account : page.accounts()) ids.push_back(account.ref().id());
        return absl::OkStatus();
      });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(ids.size(), 7u);
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 7u);
}

TEST_F(ClientTest, PaginatorNoticesAPageTokenThatDoesNotMove) {
  v1::ListAccountsRequest request;
  request.set_page_token("here");
  Paginator<v1::ListAccountsRequest, v1::ListAccountsResponse> pages(
      [](const v1::ListAccountsRequest& asked) -> absl::StatusOr<v1::ListAccountsResponse> {
        v1::ListAccountsResponse response;
        response.set_next_page_token(asked.page_token());
        return response;
      },
      request);
  EXPECT_TRUE(absl::IsInternal(pages.Next().status()));
}

TEST_F(ClientTest, WatchesUntilCancelled) {
  ASSERT_TRUE(client_->Apply(PutRequest("cart")).ok());
  v1::WatchAccountRequest request;
  request.mutable_account()->set_id("cart");
  request.set_start_revision(1);
  auto stream = client_->WatchAccount(request);
  const auto first = stream.Next();
  ASSERT_TRUE(first.ok() && first->has_value()) << first.status();
  EXPECT_EQ((*first)->changes(0).entries(0).value(), "blue");
  stream.Cancel();
  EXPECT_TRUE(absl::IsCancelled(stream.Next().status()));
}

TEST(ConnectionTest, RefusesMalformedEndpoints) {
  for (const char* endpoint :
       {"", "host", ":7400", "host:", "host:x", "host:0", "host:65536", "unix:"}) {
    ConnectionOptions options;
    options.endpoints = {endpoint};
    EXPECT_TRUE(absl::IsInvalidArgument(Connection::Create(options).status())) << endpoint;
  }
  ConnectionOptions none;
  none.endpoints.clear();
  EXPECT_TRUE(absl::IsInvalidArgument(Connection::Create(none).status()));
}

TEST(ConnectionTest, TakesGoodEndpoints) {
  for (const char* endpoint : {"localhost:7400", "127.0.0.1:1", "[::1]:7400", "unix:/run/shardd"}) {
    ConnectionOptions options;
    options.endpoints = {endpoint};
    EXPECT_TRUE(Connection::Create(options).ok()) << endpoint;
  }
}

TEST(RequestIdTest, IsAVersion4Uuid) {
  const std::string id = NewRequestId([] { return ~uint64_t{0}; });
  EXPECT_EQ(id, "ffffffff-ffff-4fff-bfff-ffffffffffff");
  EXPECT_EQ(NewRequestId([] { return uint64_t{0}; }), "00000000-0000-4000-8000-000000000000");
}

TEST(RequestIdTest, DiffersEachTime) {
  const RandomBits random = SystemRandom();
  EXPECT_NE(NewRequestId(random), NewRequestId(random));
}

}  // namespace
}  // namespace shardd::client
