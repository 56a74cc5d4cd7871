#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "client/shardctl/record.h"

namespace shardd::shardctl {

// A 128-bit hash that stands for an account. Two accounts with the same one are not to be expected.
struct AccountKey {
  uint64_t high = 0;
  uint64_t low = 0;

  friend bool operator==(const AccountKey& a, const AccountKey& b) {
    return a.high == b.high && a.low == b.low;
  }
  template <typename H>
  friend H AbslHashValue(H h, const AccountKey& key) {
    return H::combine(std::move(h), key.high, key.low);
  }
};

AccountKey KeyOf(const std::string& name_space, const std::string& id);

// Which accounts an import has met, which version of each is the highest, and which are done. Its
// size is bounded by the number of accounts in the input.
//
// Thread safety: none.
class ImportLedger {
 public:
  // Takes a record, unless one of the same or a higher version of its account was taken before.
  // Returns how many were taken before.
  std::optional<uint32_t> Take(const AccountKey& key, const std::optional<DebianVersion>& version);

  // A record of the account is on its way, is durable, or was refused for good.
  void MarkPending(const AccountKey& key);
  void MarkDone(const AccountKey& key);
  void MarkRefused(const AccountKey& key);

  // Whether a record of the account is on its way.
  bool IsPending(const AccountKey& key) const;

  // How many accounts are done.
  uint64_t done() const { return done_; }

 private:
  struct Account {
    std::optional<DebianVersion> version;
    uint32_t taken = 0;
    bool pending = false;
    bool done = false;
  };

  absl::flat_hash_map<AccountKey, Account> accounts_;
  uint64_t done_ = 0;
};

}  // namespace shardd::shardctl
