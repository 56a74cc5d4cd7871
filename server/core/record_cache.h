#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "storage/store.h"

namespace shardd {

// The records of accounts and entries that a shard's owner used lately, as stored, and which of
// those it looked for do not exist; at most `bytes_max` of them. What goes first was not used since
// the hand passed it last (CLOCK: Corbató, "A paging experiment with the Multics system", 1968), so
// that what is kept follows from the requests alone.
//
// An open-addressing table whose places are the clock's face: what is found costs two reads of
// memory, one of the table and one of the record. Millions of look-ups a second run into nothing
// but cache misses, which a chained table and a list of uses have many more of.
//
// Thread safety: none.
class RecordCache {
 public:
  // What is known of a record. `value` is valid until the next call of Store.
  struct Known {
    bool exists = false;
    absl::string_view value;
  };

  explicit RecordCache(size_t bytes_max) : bytes_max_(bytes_max) {}

  // nullopt if nothing is known of the key.
  std::optional<Known> Find(absl::string_view key);

  // nullopt: the key does not exist.
  void Store(absl::string_view key, std::optional<absl::string_view> value);

  size_t bytes() const { return bytes_; }

 private:
  // One place of the table: free, or a record with its key and value in one piece of memory.
  struct Place {
    uint64_t hash = 0;
    std::unique_ptr<char[]> bytes;  // nullptr: free
    uint32_t capacity = 0;
    uint32_t key_size = 0;
    uint32_t value_size = 0;
    bool exists = false;
    bool used = false;  // since the hand was here

    absl::string_view key() const { return {bytes.get(), key_size}; }
    absl::string_view value() const { return {bytes.get() + key_size, value_size}; }
    void Set(absl::string_view key, std::optional<absl::string_view> value);
    size_t Weight() const;
  };

  // Where the key is, or the free place where it belongs. REQUIRES: there are places.
  size_t Locate(uint64_t hash, absl::string_view key) const;
  size_t Next(size_t place) const { return (place + 1) & (places_.size() - 1); }
  void Grow();
  void EvictOne();
  // Frees a place and moves up what was put behind it only because it was taken.
  void Free(size_t place);

  size_t bytes_max_;
  size_t bytes_ = 0;
  size_t count_ = 0;
  size_t hand_ = 0;
  std::vector<Place> places_;  // none, or a power of two
};

// Reads through a cache: what a shard's owner reads before it writes. Records that are read once
// (outcomes of requests) and walks go past the cache.
class CachingReader final : public storage::Reader {
 public:
  // `base` shows everything that was written to the cache.
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
