#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
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
// Millions of look-ups a second run into nothing but cache misses, and a hit here costs two: its
// place in an open-addressing table, and its record, which is one piece of memory. Records stand in
// a ring of their own: a hand that went through the table itself would leave it crowded in front
// and empty behind.
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

  // nullopt: the key does not exist, or not any more.
  void Store(absl::string_view key, std::optional<absl::string_view> value);

  // What is known so far of keys within `bounds` becomes wrong. It takes no longer for many records
  // than for few: they go when the hand comes to them. May forget more, if it was called for other
  // bounds before.
  void Forget(const storage::KeyBounds& bounds);

  size_t bytes() const { return bytes_; }
  size_t bytes_max() const { return bytes_max_; }
  // A lower bound is reached bit by bit, as records come: nobody waits for it.
  void SetBytesMax(size_t bytes_max) { bytes_max_ = bytes_max; }

 private:
  // Key and value follow it in memory.
  struct Record {
    uint64_t hash = 0;
    uint32_t ring_position = 0;
    uint32_t capacity = 0;  // for key and value
    uint32_t key_size = 0;
    uint32_t value_size = 0;
    uint32_t generation = 0;  // when it was last known to be right
    bool exists = false;
    bool used = false;  // since the hand was here

    char* bytes() { return reinterpret_cast<char*>(this + 1); }
    const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
    absl::string_view key() const { return {bytes(), key_size}; }
    absl::string_view value() { return {bytes() + key_size, value_size}; }
    void SetValue(std::optional<absl::string_view> value);
    size_t Weight() const;
  };
  struct FreeRecord {
    void operator()(Record* record) const { ::operator delete(record); }
  };
  using OwnedRecord = std::unique_ptr<Record, FreeRecord>;

  // One of the table.
  struct Place {
    uint64_t hash = 0;
    Record* record = nullptr;  // nullptr: free
  };

  static OwnedRecord Make(uint64_t hash, absl::string_view key, size_t value_size);

  bool Forgotten(const Record& record) const;
  // Where the key is, or the free place where it belongs. REQUIRES: there are places.
  size_t Locate(uint64_t hash, absl::string_view key) const;
  size_t Next(size_t place) const { return (place + 1) & (places_.size() - 1); }
  void Grow();
  void EvictOne();
  // Frees a place and moves up what was put behind it only because it was taken.
  void Free(size_t place);

  size_t bytes_max_;
  size_t bytes_ = 0;
  std::vector<Place> places_;  // none, or a power of two
  std::vector<OwnedRecord> ring_;
  size_t hand_ = 0;  // a position in the ring
  // How often something was to be forgotten, and where: a record of an earlier generation that lies
  // there is.
  uint32_t generation_ = 0;
  storage::KeyBounds forgotten_;
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
