#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
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

  void Add(absl::string_view account, const AccountChange& change);

  // Takes out the changes of the accounts that `moves` names; they keep their order.
  ChangeHistory Extract(const std::function<bool(absl::string_view account)>& moves);
  // Adds those of other accounts.
  void Append(ChangeHistory other);

  // The changes of `account` with the revisions first..last, each of them; nullopt if one is no
  // longer kept.
  std::optional<std::vector<std::shared_ptr<const AccountChange>>> Find(absl::string_view account,
                                                                        uint64_t first,
                                                                        uint64_t last) const;

 private:
  void Trim();

  size_t changes_max_;
  size_t bytes_max_;
  // Each in one piece of memory, account first: a change comes and goes with every write, and is
  // hardly ever looked for.
  std::deque<std::string> items_;
  size_t bytes_ = 0;
};

}  // namespace shardd
