#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/account/account_record.h"
#include "server/account/record_key.h"
#include "server/account/routing_key.h"
#include "server/shard_state_operations/account_cursor.h"
#include "server/shard_state_operations/weighted_median.h"
#include "storage/store.h"

namespace shardd {

// What a range holds. Of ranges that lie side by side, the sums are those of the whole.
struct SurveyTotals {
  // As in ShardStats: what the records of accounts that exist say.
  uint64_t account_count = 0;
  uint64_t entry_count = 0;
  uint64_t byte_count = 0;
  // The records read, and their keys and values: all that are stored, or only those of accounts in
  // a survey without a checksum.
  uint64_t record_count = 0;
  uint64_t record_bytes = 0;
  // The sum, modulo 2^64, of XXH3-64(length of the key (fixed 64-bit) | key | value) of every
  // record: independent of their order and of where they lie. 0 without a checksum.
  uint64_t checksum = 0;

  SurveyTotals& operator+=(const SurveyTotals& other);
  friend bool operator==(const SurveyTotals&, const SurveyTotals&) = default;
};

// What a survey found wrong.
struct SurveyErrors {
  uint64_t count = 0;
  std::string first;  // in words
};

// Goes through all that is stored of a range in one home, a part at a time, so that others get
// their turn in between. Without a checksum it passes over everything but the records of accounts,
// with one seek for each. With one it reads every record, and checks that each can be read, belongs
// to an account, and that accounts hold what their records say.
//
// Thread safety: none. Lifetime: `reader` must outlive it; it sees what `reader` shows when it is
// made.
class RangeSurvey {
 public:
  struct Options {
    bool checksum = false;
    // The more, the more exact the median; see WeightedMedian. 0: no median.
    size_t median_samples = 1024;
  };

  RangeSurvey(const storage::Reader& reader, storage::Family home, const KeyRange& range,
              Options options);

  // Goes through `records_max` more records at most; true when the end is reached. Errors, after
  // which it cannot go on: kStorageFailed, kStorageCorrupt, storage::IsHomeGone.
  absl::StatusOr<bool> Step(size_t records_max);

  // So far. Accounts count, and are checked, once the walk is past them.
  const SurveyTotals& totals() const { return totals_; }
  const SurveyErrors& errors() const { return errors_; }

  // The routing key with about half of the stored bytes below it, estimated from the records of
  // accounts in a survey without a checksum; never the first that is used. nullopt if all records
  // so far share one routing key.
  std::optional<RoutingKey> median_key() const;

 private:
  // An account of the routing key the walk is at, and what was found of it.
  struct Found {
    std::optional<AccountRecord> record;  // nullopt: it cannot be read
    uint64_t entry_count = 0;
    uint64_t byte_count = 0;
    uint64_t order_count = 0;
  };

  absl::StatusOr<bool> StepOverAccounts(size_t records_max);
  absl::StatusOr<bool> StepOverRecords(size_t records_max);
  void CountAccount(const AccountRecord& record);
  void AddToChecksum(absl::string_view key, absl::string_view value);
  void CheckRecord(absl::string_view key, absl::string_view value);
  absl::Status CheckPart(const RecordKey& key, absl::string_view value, Found& account);
  // All records of the routing key have been seen.
  void FinishRoutingKey();
  void CheckAccount(absl::string_view name, const Found& account);
  void Report(absl::string_view error, absl::string_view where);

  const Options options_;
  // One of the two: without a checksum, with one.
  std::optional<AccountCursor> accounts_;
  std::unique_ptr<storage::Cursor> records_;
  bool started_ = false;
  bool ended_ = false;
  absl::Status failure_;
  std::optional<RoutingKey> routing_key_;
  std::map<std::string, Found, std::less<>> found_;  // by the name in stored keys
  std::string scratch_;
  SurveyTotals totals_;
  SurveyErrors errors_;
  std::optional<WeightedMedian> median_;
};

}  // namespace shardd
