#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "absl/strings/string_view.h"
#include "server/base/hash.h"
#include "storage/store.h"

namespace shardd {

// The records of accounts and entries that a shard's owner used last, as stored, and which of those
// it looked for do not exist; at most `bytes_max` of them. The one used longest ago goes first, so
// that what is kept follows from the requests alone.
//
// Thread safety: none.
class RecordCache {
 public:
  explicit RecordCache(size_t bytes_max) : bytes_max_(bytes_max) {}

  // What is known of a key: nullptr if nothing, nullopt if it does not exist. Valid until the next
  // call of Store.
  const std::optional<std::string>* Find(absl::string_view key);

  void Store(absl::string_view key, std::optional<std::string> value);

  size_t bytes() const { return bytes_; }

 private:
  struct Record {
    std::string key;
    std::optional<std::string> value;
  };
  using Records = std::list<Record>;
  struct KeyHash {
    size_t operator()(absl::string_view key) const { return StableHash64(key); }
  };

  static size_t Weight(const Record& record);

  size_t bytes_max_;
  size_t bytes_ = 0;
  Records records_;  // the one used last first
  std::unordered_map<absl::string_view, Records::iterator, KeyHash> places_;  // views into records_
};

// Reads through a cache: what a shard's owner reads before it writes. Records that are read once
// (outcomes of requests) and walks go past the cache.
class CachingReader final : public storage::Reader {
 public:
  CachingReader(const storage::Reader& base, RecordCache& cache) : base_(base), cache_(cache) {}

  absl::StatusOr<bool> Get(storage::Family family, absl::string_view key,
                           std::string* value) const override;
  std::unique_ptr<storage::Cursor> NewCursor(storage::Family family,
                                             storage::KeyBounds bounds) const override {
    return base_.NewCursor(family, std::move(bounds));
  }

  // Whether records with this key are kept.
  static bool Keeps(storage::Family family, absl::string_view key);

 private:
  const storage::Reader& base_;
  RecordCache& cache_;
};

}  // namespace shardd
