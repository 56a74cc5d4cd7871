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

std::optional<ImportLedger::Turn> ImportLedger::Take(const AccountKey& key,
                                                     const std::optional<DebianVersion>& version) {
  Account& account = accounts_[key];
  if (version.has_value() && account.version.has_value() &&
      version->Compare(*account.version) <= 0) {
    return std::nullopt;
  }
  account.version = version;
  account.latest = ++sequence_;
  return Turn{account.latest, account.taken++};
}

bool ImportLedger::IsSuperseded(const AccountKey& key, uint64_t sequence) const {
  const auto account = accounts_.find(key);
  return account != accounts_.end() && account->second.latest != sequence;
}

void ImportLedger::MarkDone(const AccountKey& key) {
  if (!std::exchange(accounts_[key].done, true)) ++done_;
}

}  // namespace shardd::shardctl
