#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/limits.h"
#include "server/routing/route_table.h"
#include "server/shard_state_operations/requests.h"
#include "storage/store.h"

namespace shardd {

// Walks over many accounts, for lists and exports, without visiting the workers that own them.
// Errors of all functions: kStorageCorrupt, kStorageFailed.

// Which accounts a page begins after and where it ends.
struct AccountPageQuery {
  // nullopt: those of all namespaces; empty: those that have none.
  std::optional<std::string> name_space;
  // Where the page before ended (next_position, PositionOf); empty: from the beginning.
  std::string position;
  size_t accounts_max = limits::kPageSizeDefault;
  // How many stored accounts are looked at, those that do not belong to the answer included.
  size_t examined_max = limits::kPageExaminedMax;
};

// Accounts in the order of their routing keys. A page may be short or empty and still not be the
// last.
struct AccountPage {
  std::vector<AccountResult> accounts;
  std::string next_position;  // empty: there are no more
};

// Reads a page; it also ends at kPageBytesMax. `table` must be one that was in force when `reader`
// took its view. Positions stay good for any later table.
absl::StatusOr<AccountPage> ReadAccountPage(const storage::Reader& reader, const RouteTable& table,
                                            const AccountPageQuery& query);

// The position just after this account.
std::string PositionOf(const AccountRef& account);

// The position before all accounts: like an empty one, but not empty.
std::string FirstPosition();

// Some entries of one account, in key order.
struct EntryPage {
  std::vector<Entry> entries;
  bool more = false;  // there are entries after these
};

// Reads the entries after `after_key` (empty: from the first one) until they hold `bytes_max` bytes
// or more.
absl::StatusOr<EntryPage> ReadEntries(const storage::Reader& reader, storage::Family home,
                                      const AccountRef& account, absl::string_view after_key,
                                      size_t bytes_max);

}  // namespace shardd
