#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/cross_thread_messaging/message.h"
#include "server/routing/undeliverable.h"
#include "storage/store.h"

namespace shardd {

// Reads undeliverable messages without visiting the owners of their receivers. Errors:
// kStorageCorrupt, kStorageFailed.

struct StoredUndeliverable {
  std::string own_key;  // of its record, below the receiver
  UndeliverableRecord record;
  Message message;
};

struct UndeliverablePageQuery {
  std::string name_space;  // of the receivers; empty: all
  std::string position;    // where the page before ended; empty: from the beginning
  size_t messages_max = 0;
};

// By the routing keys of the receivers. A page may be short or empty and still not be the last.
struct UndeliverablePage {
  std::vector<StoredUndeliverable> messages;
  std::string next_position;  // empty: there are no more
};

// Reads a page; it also ends at kPageBytesMax, and after kPageExaminedMax records.
absl::StatusOr<UndeliverablePage> ReadUndeliverablePage(const storage::Reader& reader,
                                                        const UndeliverablePageQuery& query);

// nullopt: there is none.
absl::StatusOr<std::optional<StoredUndeliverable>> FindUndeliverable(const storage::Reader& reader,
                                                                     const AccountRef& receiver,
                                                                     const std::string& own_key);

}  // namespace shardd
