#include "client/shardctl/import_ledger.h"

#include <xxhash.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace shardd::shardctl {

AccountKey KeyOf(const std::string& name_space, const std::string& id) {
  // A namespace holds no zero byte, so the two cannot run into each other.
  const std::string name = absl::StrCat(name_space, std::string(1, '\0'), id);
  const XXH128_hash_t hash = XXH3_128bits(name.data(), name.size());
  return {hash.high64, hash.low64};
}

std::optional<uint32_t> ImportLedger::Take(const AccountKey& key,
                                           const std::optional<DebianVersion>& version) {
  Account& account = accounts_[key];
  if (version.has_value() && account.version.has_value() &&
      version->Compare(*account.version) <= 0) {
    return std::nullopt;
  }
  account.version = version;
  return account.taken++;
}

void ImportLedger::MarkPending(const AccountKey& key) { accounts_[key].pending = true; }

void ImportLedger::MarkDone(const AccountKey& key) {
  Account& account = accounts_[key];
  account.pending = false;
  if (!std::exchange(account.done, true)) ++done_;
}

void ImportLedger::MarkRefused(const AccountKey& key) { accounts_[key].pending = false; }

bool ImportLedger::IsPending(const AccountKey& key) const {
  const auto account = accounts_.find(key);
  return account != accounts_.end() && account->second.pending;
}

}  // namespace shardd::shardctl
