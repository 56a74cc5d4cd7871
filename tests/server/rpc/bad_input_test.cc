// Plan: send every kind of bad request; each is refused with its named reason and changes nothing.

#include <grpc/support/time.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/server/rpc/test_daemon.h"

namespace shardd::rpc {
namespace {

struct BadApply {
  std::string name;
  std::function<void(v1::ApplyRequest&)> spoil;
  grpc::StatusCode code;
  std::string reason;
  std::string field;  // empty: no field is named
};

std::vector<BadApply> BadApplies() {
  const auto invalid = grpc::StatusCode::INVALID_ARGUMENT;
  return {
      {"empty id", [](auto& r) { r.mutable_account()->clear_id(); }, invalid, "INVALID_FIELD",
       "account.id"},
      {"no account", [](auto& r) { r.clear_account(); }, invalid, "INVALID_FIELD", "account.id"},
      {"id too long", [](auto& r) { r.mutable_account()->set_id(std::string(257, 'x')); }, invalid,
       "INVALID_FIELD", "account.id"},
      {"id not UTF-8", [](auto& r) { r.mutable_account()->set_id("a\xff"); }, invalid,
       "INVALID_FIELD", "account.id"},
      {"malformed namespace", [](auto& r) { r.mutable_account()->set_namespace_("Upper"); },
       invalid, "INVALID_FIELD", "namespace"},
      {"namespace too long",
       [](auto& r) { r.mutable_account()->set_namespace_(std::string(64, 'n')); }, invalid,
       "INVALID_FIELD", "namespace"},
      {"unknown namespace", [](auto& r) { r.mutable_account()->set_namespace_("nowhere"); },
       grpc::StatusCode::NOT_FOUND, "NAMESPACE_NOT_FOUND", ""},
      {"request id too long", [](auto& r) { r.set_request_id(std::string(65, 'x')); }, invalid,
       "INVALID_FIELD", "request_id"},
      {"value too large",
       [](auto& r) {
         r.mutable_mutations(0)->mutable_put()->set_value(std::string((1 << 20) + 1, 'v'));
       },
       invalid, "ENTRY_TOO_LARGE", "put.value"},
      {"key too large",
       [](auto& r) { r.mutable_mutations(0)->mutable_put()->set_key(std::string(1025, 'k')); },
       invalid, "ENTRY_TOO_LARGE", "put.key"},
      {"empty key", [](auto& r) { r.mutable_mutations(0)->mutable_put()->clear_key(); }, invalid,
       "INVALID_FIELD", "put.key"},
      {"mutation of no kind", [](auto& r) { r.add_mutations(); }, invalid, "INVALID_FIELD",
       "mutations.kind"},
      {"precondition of no kind", [](auto& r) { r.add_preconditions(); }, invalid, "INVALID_FIELD",
       "preconditions.condition"},
      {"too many mutations",
       [](auto& r) {
         for (int i = 0; i < 1024; ++i) r.add_mutations()->set_delete_("k");
       },
       invalid, "INVALID_FIELD", "mutations"},
      {"too many preconditions",
       [](auto& r) {
         for (int i = 0; i < 129; ++i) r.add_preconditions()->set_entry_absent("k");
       },
       invalid, "INVALID_FIELD", "preconditions"},
      {"precondition on a missing account",
       [](auto& r) {
         r.set_create_account(false);
         r.add_preconditions()->set_entry_absent("k");
       },
       grpc::StatusCode::NOT_FOUND, "ACCOUNT_NOT_FOUND", ""},
      {"precondition that does not hold",
       [](auto& r) { r.add_preconditions()->set_entry_exists("k"); },
       grpc::StatusCode::FAILED_PRECONDITION, "PRECONDITION_FAILED", ""},
      {"another epoch", [](auto& r) { r.set_epoch(99); }, grpc::StatusCode::ABORTED, "STALE_EPOCH",
       ""},
  };
}

class BadInputTest : public testing::Test {
 protected:
  void SetUp() override { daemon_.CreateNamespace(kNamespace); }

  // Nothing has been written in the namespace.
  void ExpectUntouched() {
    v1::ListAccountsRequest request;
    request.set_namespace_(kNamespace);
    v1::ListAccountsResponse response;
    CallScope call;
    ASSERT_TRUE(daemon_.accounts->ListAccounts(&call, request, &response).ok());
    EXPECT_EQ(response.accounts_size(), 0);
  }

  grpc::Status Get(const v1::GetRequest& request) {
    v1::GetResponse response;
    CallScope call;
    return daemon_.state->Get(&call, request, &response);
  }
  grpc::Status Scan(const v1::ScanRequest& request, v1::ScanResponse* response) {
    CallScope call;
    return daemon_.state->Scan(&call, request, response);
  }

  TestDaemon daemon_;
};

TEST_F(BadInputTest, BadWritesAreNamedAndChangeNothing) {
  for (const BadApply& bad : BadApplies()) {
    SCOPED_TRACE(bad.name);
    v1::ApplyRequest request = PutRequest("a", "k", "v");
    bad.spoil(request);
    v1::ApplyResponse response;
    CallScope call;
    const grpc::Status status = daemon_.state->Apply(&call, request, &response);
    EXPECT_EQ(status.error_code(), bad.code) << status.error_message();
    const ErrorFacts facts = FactsOf(status);
    EXPECT_EQ(facts.reason, bad.reason) << status.error_message();
    EXPECT_EQ(facts.field, bad.field);
    EXPECT_EQ(facts.metadata.at("effect"), "NOT_APPLIED");
  }
  ExpectUntouched();
}

TEST_F(BadInputTest, ReadOfAMissingAccount) {
  v1::GetRequest request;
  request.mutable_account()->set_namespace_(kNamespace);
  request.mutable_account()->set_id("missing");
  request.add_keys("k");
  EXPECT_EQ(FactsOf(Get(request)).reason, "ACCOUNT_NOT_FOUND");
  request.clear_keys();
  EXPECT_EQ(FactsOf(Get(request)).field, "keys");
}

TEST_F(BadInputTest, ReadsThatDoNotFitAnAnswer) {
  v1::GetRequest request;
  request.mutable_account()->set_namespace_(kNamespace);
  request.mutable_account()->set_id("large");
  for (const char* key : {"a", "b", "c", "d", "e"}) {
    daemon_.Put("large", key, std::string(1 << 20, 'v'));
    request.add_keys(key);
  }
  const grpc::Status status = Get(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(FactsOf(status).field, "keys");
}

// Plan: take a token of one scan to another one, and to none.
TEST_F(BadInputTest, PageTokenOfAnotherQuery) {
  for (const char* key : {"a", "b", "c"}) daemon_.Put("x", key, "v");
  v1::ScanRequest request;
  request.mutable_account()->set_namespace_(kNamespace);
  request.mutable_account()->set_id("x");
  request.set_page_size(1);
  v1::ScanResponse first;
  ASSERT_TRUE(Scan(request, &first).ok());
  ASSERT_FALSE(first.next_page_token().empty());
  request.set_page_token(first.next_page_token());
  v1::ScanResponse second;
  ASSERT_TRUE(Scan(request, &second).ok());
  EXPECT_EQ(second.entries(0).key(), "b");
  request.set_prefix("b");
  EXPECT_EQ(FactsOf(Scan(request, &second)).reason, "INVALID_PAGE_TOKEN");
  request.clear_prefix();
  request.set_page_token("garbage");
  EXPECT_EQ(FactsOf(Scan(request, &second)).reason, "INVALID_PAGE_TOKEN");
  request.clear_page_token();
  request.set_page_size(-1);
  EXPECT_EQ(FactsOf(Scan(request, &second)).field, "page_size");
}

TEST_F(BadInputTest, ListsRefuseForeignTokensAndNamespaces) {
  v1::ListAccountsRequest request;
  request.set_namespace_("nowhere");
  v1::ListAccountsResponse response;
  {
    CallScope call;
    EXPECT_EQ(FactsOf(daemon_.accounts->ListAccounts(&call, request, &response)).reason,
              "NAMESPACE_NOT_FOUND");
  }
  request.set_namespace_(kNamespace);
  request.set_page_token("AAAA");
  CallScope call;
  EXPECT_EQ(FactsOf(daemon_.accounts->ListAccounts(&call, request, &response)).reason,
            "INVALID_PAGE_TOKEN");
}

TEST_F(BadInputTest, UpdatesNameKnownFields) {
  daemon_.Put("u", "k", "v");
  v1::UpdateAccountRequest request;
  request.mutable_account()->set_namespace_(kNamespace);
  request.mutable_account()->set_id("u");
  request.mutable_update_mask()->add_paths("owner");
  v1::UpdateAccountResponse response;
  {
    CallScope call;
    const grpc::Status status = daemon_.accounts->UpdateAccount(&call, request, &response);
    EXPECT_EQ(FactsOf(status).field, "update_mask");
  }
  request.mutable_update_mask()->clear_paths();
  request.mutable_update_mask()->add_paths("state");
  CallScope call;
  EXPECT_EQ(FactsOf(daemon_.accounts->UpdateAccount(&call, request, &response)).field, "state");
}

// Each Now is an hour after the one before, so every deadline has passed when it is looked at.
class HurryingClock final : public Clock {
 public:
  absl::Time Now() const override {
    return RealClock().Now() + absl::Hours(hours_.fetch_add(hurry.load() ? 1 : 0));
  }
  std::atomic<bool> hurry{false};

 private:
  mutable std::atomic<int64_t> hours_{0};
};

// Plan: ask without a deadline, then for far more time than is given to anybody; both are up within
// the hour.
TEST(DeadlineTest, ExpiredBeforeTheRequestIsRun) {
  HurryingClock clock;
  TestDaemon daemon({.front_end = {}, .runtime = {}, .clock = &clock});
  daemon.CreateNamespace(kNamespace);
  grpc::ClientContext by_default;
  grpc::ClientContext patient;
  patient.set_deadline(
      gpr_time_add(gpr_now(GPR_CLOCK_REALTIME), gpr_time_from_hours(1000, GPR_TIMESPAN)));
  for (grpc::ClientContext* call : {&by_default, &patient}) {
    clock.hurry = true;
    v1::ApplyResponse response;
    const grpc::Status status = daemon.state->Apply(call, PutRequest("a", "k", "v"), &response);
    clock.hurry = false;
    EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
    const ErrorFacts facts = FactsOf(status);
    EXPECT_EQ(facts.reason, "DEADLINE_EXPIRED");
    EXPECT_EQ(facts.metadata.at("effect"), "NOT_APPLIED");
  }
}

}  // namespace
}  // namespace shardd::rpc
