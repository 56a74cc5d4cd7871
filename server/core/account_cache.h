#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "server/account/account_record.h"

namespace shardd {

// The account records a shard used last, at most `accounts_max`. The one used longest ago goes
// first, so that what is kept follows from the requests alone.
//
// Thread safety: none.
class AccountCache {
 public:
  explicit AccountCache(size_t accounts_max) : accounts_max_(accounts_max) {}

  // nullptr if not kept. Valid until the next call. `name` is AccountKeys::name().
  const AccountRecord* Find(const std::string& name) {
    const auto found = places_.find(name);
    if (found == places_.end()) return nullptr;
    records_.splice(records_.begin(), records_, found->second);
    return &found->second->second;
  }

  void Store(const std::string& name, AccountRecord record) {
    const auto found = places_.find(name);
    if (found != places_.end()) {
      found->second->second = std::move(record);
      records_.splice(records_.begin(), records_, found->second);
      return;
    }
    records_.emplace_front(name, std::move(record));
    places_.emplace(name, records_.begin());
    if (records_.size() <= accounts_max_) return;
    places_.erase(records_.back().first);
    records_.pop_back();
  }

  void Forget(const std::string& name) {
    const auto found = places_.find(name);
    if (found == places_.end()) return;
    records_.erase(found->second);
    places_.erase(found);
  }

  size_t size() const { return records_.size(); }

 private:
  using Records = std::list<std::pair<std::string, AccountRecord>>;

  size_t accounts_max_;
  Records records_;  // the one used last first
  std::unordered_map<std::string, Records::iterator> places_;
};

}  // namespace shardd
