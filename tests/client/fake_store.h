#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "grpcpp/support/status.h"
#include "shardd/v1/account.pb.h"
#include "shardd/v1/error_reason.pb.h"
#include "shardd/v1/state.pb.h"
#include "tests/client/fake_mailboxes.h"

namespace shardd::client {

// An error as the daemon sends it, with its details.
grpc::Status Refusal(grpc::StatusCode code, v1::ErrorReason reason, const std::string& message,
                     int retry_after_ms = 0, v1::Effect effect = v1::EFFECT_NOT_APPLIED,
                     const std::map<std::string, std::string>& metadata = {});

// The same inside a session.
v1::OperationError ToOperationError(const grpc::Status& status);

// Accounts in memory that behave like the daemon's as far as a client can see.
//
// Thread safety: none.
class FakeStore {
 public:
  struct Account {
    v1::Account meta;
    std::map<std::string, v1::Entry> entries;
    std::map<std::string, v1::ApplyResponse> outcomes;
    std::map<std::string, v1::Account> update_outcomes;
    std::vector<v1::AccountChange> changes;
  };
  using Key = std::pair<std::string, std::string>;

  grpc::Status CreateNamespace(const std::string& name, v1::Namespace* made);
  grpc::Status CreateAccount(const v1::CreateAccountRequest& request, v1::Account* made);
  grpc::Status UpdateAccount(const v1::UpdateAccountRequest& request, v1::Account* changed);
  grpc::Status DeleteAccount(const v1::DeleteAccountRequest& request, uint64_t* revision);
  grpc::Status Apply(const v1::ApplyRequest& request, v1::ApplyResponse* response);
  grpc::Status Get(const v1::GetRequest& request, v1::GetResponse* response) const;
  grpc::Status Scan(const v1::ScanRequest& request, v1::ScanResponse* response) const;

  // The account, or an error that says what is missing.
  grpc::Status Find(const v1::AccountRef& ref, const Account** account) const;

  std::map<std::string, v1::Namespace> namespaces;
  std::map<Key, Account> accounts;
  FakeMailboxes mailboxes;
  // What deleted accounts leave behind: revision and outcomes.
  std::map<Key, Account> deleted;
  // How many times a write took effect.
  uint64_t writes = 0;

 private:
  grpc::Status CheckNamespace(const v1::AccountRef& ref) const;
  grpc::Status FindMutable(const v1::AccountRef& ref, Account** account);
  Account& Make(const v1::AccountRef& ref);
};

}  // namespace shardd::client
