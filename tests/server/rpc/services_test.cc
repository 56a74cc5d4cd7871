// Plan: each service over a real connection, in the way it is meant to be used.

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/server/rpc/test_daemon.h"

namespace shardd::rpc {
namespace {

class ServicesTest : public testing::Test {
 protected:
  static TestDaemon::Options WithFacts() {
    TestDaemon::Options options;
    options.front_end.facts.version = "1.2.3";
    options.front_end.facts.instance_id = "instance";
    options.front_end.facts.config = {{"storage.data", "folder", "flag", "where data is"}};
    return options;
  }
  ServicesTest() : daemon_(WithFacts()) {}
  void SetUp() override { daemon_.CreateNamespace(kNamespace); }

  static v1::AccountRef Ref(const std::string& id) {
    v1::AccountRef ref;
    ref.set_namespace_(kNamespace);
    ref.set_id(id);
    return ref;
  }

  // Reads all pages of `call`, which takes a page token and returns the next one.
  template <typename Call>
  static int CountPages(Call call) {
    std::string token;
    int pages = 0;
    do {
      token = call(token);
      ++pages;
    } while (!token.empty() && pages < 1000);
    return pages;
  }

  TestDaemon daemon_;
};

TEST_F(ServicesTest, AccountLivesAndDies) {
  v1::CreateAccountRequest create;
  *create.mutable_account() = Ref("a");
  (*create.mutable_labels())["team"] = "blue";
  create.mutable_limits()->set_entries_max(5);
  v1::CreateAccountResponse created;
  {
    CallScope call;
    ASSERT_TRUE(daemon_.accounts->CreateAccount(&call, create, &created).ok());
  }
  EXPECT_EQ(created.account().state(), v1::ACCOUNT_STATE_ACTIVE);
  EXPECT_EQ(created.account().labels().at("team"), "blue");
  {
    CallScope call;
    EXPECT_EQ(FactsOf(daemon_.accounts->CreateAccount(&call, create, &created)).reason,
              "ACCOUNT_EXISTS");
  }
  v1::UpdateAccountRequest update;
  *update.mutable_account() = Ref("a");
  update.mutable_update_mask()->add_paths("state");
  update.set_state(v1::ACCOUNT_STATE_FROZEN);
  v1::UpdateAccountResponse updated;
  {
    CallScope call;
    ASSERT_TRUE(daemon_.accounts->UpdateAccount(&call, update, &updated).ok());
  }
  EXPECT_EQ(updated.account().state(), v1::ACCOUNT_STATE_FROZEN);
  EXPECT_EQ(updated.account().labels().at("team"), "blue");
  {
    v1::ApplyResponse response;
    CallScope call;
    EXPECT_EQ(FactsOf(daemon_.state->Apply(&call, PutRequest("a", "k", "v"), &response)).reason,
              "ACCOUNT_FROZEN");
  }
  v1::DeleteAccountRequest remove;
  *remove.mutable_account() = Ref("a");
  v1::DeleteAccountResponse removed;
  {
    CallScope call;
    ASSERT_TRUE(daemon_.accounts->DeleteAccount(&call, remove, &removed).ok());
  }
  EXPECT_GT(removed.revision(), updated.account().revision());
  v1::GetAccountRequest get;
  *get.mutable_account() = Ref("a");
  v1::GetAccountResponse got;
  CallScope call;
  EXPECT_EQ(FactsOf(daemon_.accounts->GetAccount(&call, get, &got)).reason, "ACCOUNT_NOT_FOUND");
}

TEST_F(ServicesTest, ListAccountsGivesEachOnce) {
  for (int i = 0; i < 120; ++i) daemon_.Put(absl::StrCat("a", i), "k", "v");
  daemon_.CreateNamespace("other");
  std::map<std::string, int> seen;
  const int pages = CountPages([&](const std::string& token) {
    v1::ListAccountsRequest request;
    request.set_namespace_(kNamespace);
    request.set_page_size(50);
    request.set_page_token(token);
    v1::ListAccountsResponse response;
    CallScope call;
    EXPECT_TRUE(daemon_.accounts->ListAccounts(&call, request, &response).ok());
    for (const v1::Account& account : response.accounts()) ++seen[account.ref().id()];
    return response.next_page_token();
  });
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(seen.size(), 120u);
  for (const auto& [id, count] : seen) EXPECT_EQ(count, 1) << id;
}

TEST_F(ServicesTest, RepeatedRequestGetsTheFirstAnswer) {
  v1::ApplyRequest request = PutRequest("a", "k", "v");
  request.set_request_id("r-1");
  v1::ApplyResponse first;
  v1::ApplyResponse second;
  {
    CallScope call;
    ASSERT_TRUE(daemon_.state->Apply(&call, request, &first).ok());
  }
  {
    CallScope call;
    ASSERT_TRUE(daemon_.state->Apply(&call, request, &second).ok());
  }
  EXPECT_FALSE(first.replayed());
  EXPECT_TRUE(second.replayed());
  EXPECT_EQ(first.revision(), second.revision());
  v1::GetRequestOutcomeRequest ask;
  *ask.mutable_account() = Ref("a");
  ask.set_request_id("r-1");
  v1::GetRequestOutcomeResponse outcome;
  CallScope call;
  ASSERT_TRUE(daemon_.state->GetRequestOutcome(&call, ask, &outcome).ok());
  EXPECT_EQ(outcome.outcome(), v1::REQUEST_OUTCOME_APPLIED);
  EXPECT_EQ(outcome.revision(), first.revision());
  EXPECT_EQ(outcome.results_size(), 1);
}

TEST_F(ServicesTest, NamespacesAreListedPageByPage) {
  for (const char* name : {"x1", "x2", "x3"}) daemon_.CreateNamespace(name);
  std::set<std::string> names;
  const int pages = CountPages([&](const std::string& token) {
    v1::ListNamespacesRequest request;
    request.set_page_size(2);
    request.set_page_token(token);
    v1::ListNamespacesResponse response;
    CallScope call;
    EXPECT_TRUE(daemon_.accounts->ListNamespaces(&call, request, &response).ok());
    for (const v1::Namespace& item : response.namespaces()) names.insert(item.name());
    return response.next_page_token();
  });
  EXPECT_EQ(pages, 2);
  EXPECT_EQ(names, (std::set<std::string>{kNamespace, "x1", "x2", "x3"}));
}

// Plan: delete a namespace with accounts, wait for the operation, find it among all.
TEST_F(ServicesTest, NamespaceIsDeletedByAnOperation) {
  daemon_.Put("a", "k", "v");
  v1::DeleteNamespaceRequest request;
  request.set_name(kNamespace);
  request.set_delete_accounts(true);
  v1::DeleteNamespaceResponse response;
  {
    CallScope call;
    ASSERT_TRUE(daemon_.accounts->DeleteNamespace(&call, request, &response).ok());
  }
  const std::string id = response.operation().id();
  v1::WaitOperationRequest wait;
  wait.set_id(id);
  v1::WaitOperationResponse waited;
  {
    CallScope call;
    ASSERT_TRUE(daemon_.operations->WaitOperation(&call, wait, &waited).ok());
  }
  EXPECT_EQ(waited.operation().state(), v1::OPERATION_STATE_SUCCEEDED);
  EXPECT_EQ(waited.operation().target(), kNamespace);
  v1::ListOperationsResponse listed;
  {
    CallScope call;
    ASSERT_TRUE(
        daemon_.operations->ListOperations(&call, v1::ListOperationsRequest(), &listed).ok());
  }
  ASSERT_EQ(listed.operations_size(), 1);
  EXPECT_EQ(listed.operations(0).id(), id);
  v1::CancelOperationRequest cancel;
  cancel.set_id(id);
  v1::CancelOperationResponse cancelled;
  {
    CallScope call;
    EXPECT_EQ(FactsOf(daemon_.operations->CancelOperation(&call, cancel, &cancelled)).reason,
              "OPERATION_ENDED");
  }
  v1::GetNamespaceRequest get;
  get.set_name(kNamespace);
  v1::GetNamespaceResponse got;
  CallScope call;
  EXPECT_EQ(FactsOf(daemon_.accounts->GetNamespace(&call, get, &got)).reason,
            "NAMESPACE_NOT_FOUND");
}

TEST_F(ServicesTest, RoutesAgreeWithEachOther) {
  v1::ResolveRequest by_account;
  *by_account.mutable_account() = Ref("a");
  v1::ResolveResponse first;
  {
    CallScope call;
    ASSERT_TRUE(daemon_.routing->Resolve(&call, by_account, &first).ok());
  }
  EXPECT_EQ(first.routing_key().size(), 16u);
  EXPECT_EQ(first.epoch(), 1u);
  v1::ResolveRequest by_shard;
  by_shard.set_shard_id(first.route().shard_id());
  v1::ResolveResponse second;
  {
    CallScope call;
    ASSERT_TRUE(daemon_.routing->Resolve(&call, by_shard, &second).ok());
  }
  EXPECT_EQ(second.route().start(), first.route().start());
  const auto reason = [this](const v1::ResolveRequest& request) {
    v1::ResolveResponse response;
    CallScope call;
    return FactsOf(daemon_.routing->Resolve(&call, request, &response)).reason;
  };
  EXPECT_EQ(reason(v1::ResolveRequest()), "INVALID_FIELD");
  by_shard.set_shard_id("s-9999");
  EXPECT_EQ(reason(by_shard), "SHARD_NOT_FOUND");
  by_shard.set_shard_id("nonsense");
  EXPECT_EQ(reason(by_shard), "INVALID_FIELD");
  v1::ResolveRequest by_key;
  by_key.set_routing_key("short");
  EXPECT_EQ(reason(by_key), "INVALID_FIELD");
  v1::GetTableRequest table;
  table.set_epoch(9);
  v1::GetTableResponse table_response;
  CallScope call;
  EXPECT_EQ(FactsOf(daemon_.routing->GetTable(&call, table, &table_response)).reason,
            "EPOCH_COMPACTED");
}

TEST_F(ServicesTest, ShardsAndThreadsAreListed) {
  std::set<std::string> ids;
  const int pages = CountPages([&](const std::string& token) {
    v1::ListShardsRequest request;
    request.set_page_size(3);
    request.set_page_token(token);
    v1::ListShardsResponse response;
    CallScope call;
    EXPECT_TRUE(daemon_.shards->ListShards(&call, request, &response).ok());
    for (const v1::Shard& shard : response.shards()) ids.insert(shard.id());
    return response.next_page_token();
  });
  EXPECT_EQ(pages, 2);
  EXPECT_EQ(ids, (std::set<std::string>{"s-0001", "s-0002", "s-0003", "s-0004"}));

  v1::ListThreadsResponse threads;
  CallScope call;
  ASSERT_TRUE(daemon_.threads->ListThreads(&call, v1::ListThreadsRequest(), &threads).ok());
  std::set<v1::ThreadRole> roles;
  for (const v1::Thread& thread : threads.threads()) roles.insert(thread.role());
  EXPECT_EQ(roles.count(v1::THREAD_ROLE_WORKER), 1u);
  EXPECT_EQ(roles.count(v1::THREAD_ROLE_POLLER), 1u);
  v1::GetThreadRequest get;
  get.set_id("t-999");
  v1::GetThreadResponse got;
  CallScope get_call;
  EXPECT_EQ(FactsOf(daemon_.threads->GetThread(&get_call, get, &got)).reason, "THREAD_NOT_FOUND");
}

TEST_F(ServicesTest, StatusAndConfigTellOfTheDaemon) {
  daemon_.Put("a", "k", "v");
  v1::StatusResponse status;
  CallScope call;
  ASSERT_TRUE(daemon_.admin->Status(&call, v1::StatusRequest(), &status).ok());
  EXPECT_EQ(status.verdict(), v1::VERDICT_HEALTHY);
  EXPECT_EQ(status.reasons_size(), 0);
  EXPECT_EQ(status.version(), "1.2.3");
  EXPECT_EQ(status.instance_id(), "instance");
  EXPECT_EQ(status.listen(), daemon_.address());
  EXPECT_EQ(status.shard_count(), 4u);
  EXPECT_EQ(status.epoch(), 1u);
  EXPECT_EQ(status.account_count(), 1u);
  v1::GetConfigResponse config;
  CallScope config_call;
  ASSERT_TRUE(daemon_.admin->GetConfig(&config_call, v1::GetConfigRequest(), &config).ok());
  ASSERT_EQ(config.values_size(), 1);
  EXPECT_EQ(config.values(0).key(), "storage.data");
}

TEST_F(ServicesTest, WaitingForAnOperationIsBounded) {
  v1::WaitOperationRequest request;
  v1::WaitOperationResponse response;
  {
    request.set_id("op-99");
    CallScope call;
    EXPECT_EQ(FactsOf(daemon_.operations->WaitOperation(&call, request, &response)).reason,
              "OPERATION_NOT_FOUND");
  }
  request.set_id("nonsense");
  CallScope call;
  EXPECT_EQ(FactsOf(daemon_.operations->WaitOperation(&call, request, &response)).reason,
            "INVALID_FIELD");
}

// Plan: export small accounts and one of several MiB; put the parts together again.
TEST_F(ServicesTest, ExportGivesEverythingBack) {
  for (int i = 0; i < 20; ++i) daemon_.Put(absl::StrCat("small-", i), "k", absl::StrCat("v", i));
  const std::string megabyte(1 << 20, 'v');
  for (int i = 0; i < 5; ++i) daemon_.Put("large", absl::StrCat("k", i), megabyte);

  v1::ExportRequest request;
  request.set_namespace_(kNamespace);
  CallScope call;
  const auto stream = daemon_.admin->Export(&call, request);
  std::map<std::string, std::map<std::string, std::string>> accounts;
  int parts_of_large = 0;
  std::string last_token = "none";
  v1::ExportResponse frame;
  while (stream->Read(&frame)) {
    last_token = frame.next_page_token();
    for (const v1::ExportRecord& record : frame.records()) {
      const std::string& id = record.account().ref().id();
      if (id == "large") ++parts_of_large;
      for (const v1::Entry& entry : record.entries()) accounts[id][entry.key()] = entry.value();
    }
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(last_token, "");
  EXPECT_EQ(accounts.size(), 21u);
  EXPECT_EQ(accounts["small-7"]["k"], "v7");
  EXPECT_EQ(accounts["large"].size(), 5u);
  EXPECT_GT(parts_of_large, 1);
}

// Plan: stop an export after each frame in turn and take it up again with that frame's token.
TEST_F(ServicesTest, ExportIsTakenUpAtWholeAccounts) {
  const std::string megabyte(1 << 20, 'v');
  for (int i = 0; i < 3; ++i) {
    for (const char* key : {"a", "b", "c"}) daemon_.Put(absl::StrCat("large-", i), key, megabyte);
  }
  std::map<std::string, std::map<std::string, std::string>> accounts;
  const int frames = CountPages([&](const std::string& token) {
    v1::ExportRequest request;
    request.set_page_token(token);
    CallScope call;
    const auto stream = daemon_.admin->Export(&call, request);
    v1::ExportResponse frame;
    std::string next = token;
    // Until an account is complete: a token in the middle of one leads back to its start.
    while (next == token && stream->Read(&frame)) {
      next = frame.next_page_token();
      for (const v1::ExportRecord& record : frame.records()) {
        auto& entries = accounts[record.account().ref().id()];
        for (const v1::Entry& entry : record.entries()) entries[entry.key()] = entry.value();
      }
      if (token.empty() && frame.records(frame.records_size() - 1).continues()) next = token;
    }
    call.TryCancel();
    return next;
  });
  EXPECT_GT(frames, 1);
  ASSERT_EQ(accounts.size(), 3u);
  for (const auto& [id, entries] : accounts) EXPECT_EQ(entries.size(), 3u) << id;
}

TEST_F(ServicesTest, ExportRefusesForeignTokens) {
  v1::ExportRequest request;
  request.set_namespace_(kNamespace);
  request.set_page_token("AAAA");
  CallScope call;
  EXPECT_EQ(FactsOf(daemon_.admin->Export(&call, request)->Finish()).reason, "INVALID_PAGE_TOKEN");
}

}  // namespace
}  // namespace shardd::rpc
