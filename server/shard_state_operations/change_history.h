#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/shard_state_operations/requests.h"

namespace shardd {

// The newest changes of a shard's accounts, in memory, within bounds: what lets a watch go on from
// a revision it has seen. A restart forgets them.
//
// Thread safety: none.
class ChangeHistory {
 public:
  ChangeHistory(size_t changes_max, size_t bytes_max)
      : changes_max_(changes_max), bytes_max_(bytes_max) {}

  void Add(absl::string_view account, std::shared_ptr<const AccountChange> change);

  // The changes of `account` with the revisions first..last, each of them; nullopt if one is no
  // longer kept.
  std::optional<std::vector<std::shared_ptr<const AccountChange>>> Find(absl::string_view account,
                                                                        uint64_t first,
                                                                        uint64_t last) const;

 private:
  struct Item {
    std::string account;
    std::shared_ptr<const AccountChange> change;
    size_t bytes = 0;  // kept here: what goes is no longer in the processor's caches
  };

  size_t changes_max_;
  size_t bytes_max_;
  std::deque<Item> items_;
  size_t bytes_ = 0;
};

}  // namespace shardd
