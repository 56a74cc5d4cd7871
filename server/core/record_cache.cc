#include "server/core/record_cache.h"

#include <algorithm>
#include <utility>

#include "server/account/record_key.h"
#include "server/base/check.h"
#include "server/base/hash.h"
#include "server/base/status_macros.h"

namespace shardd {
namespace {

constexpr size_t kEvictedPerStore = 16;
constexpr size_t kPlacesMin = 16;
// What a record takes besides its bytes: its head, its place in the ring, its places in a table
// that is between three eighths and three quarters full, and what the allocator adds.
constexpr size_t kRecordOverheadBytes = 96;

}  // namespace

RecordCache::OwnedRecord RecordCache::Make(uint64_t hash, absl::string_view key,
                                           size_t value_size) {
  const size_t capacity = key.size() + value_size;
  OwnedRecord record(new (::operator new(sizeof(Record) + capacity)) Record);
  record->hash = hash;
  record->capacity = static_cast<uint32_t>(capacity);
  record->key_size = static_cast<uint32_t>(key.size());
  std::copy(key.begin(), key.end(), record->bytes());
  return record;
}

void RecordCache::Record::SetValue(std::optional<absl::string_view> value) {
  exists = value.has_value();
  value_size = exists ? static_cast<uint32_t>(value->size()) : 0;
  if (exists) std::copy(value->begin(), value->end(), bytes() + key_size);
}

size_t RecordCache::Record::Weight() const { return kRecordOverheadBytes + capacity; }

std::optional<RecordCache::Known> RecordCache::Find(absl::string_view key) {
  if (places_.empty()) return std::nullopt;
  Record* const record = places_[Locate(StableHash64(key), key)].record;
  if (record == nullptr) return std::nullopt;
  if (Forgotten(*record)) return std::nullopt;
  record->generation = generation_;
  record->used = true;
  return Known{record->exists, record->value()};
}

void RecordCache::Store(absl::string_view key, std::optional<absl::string_view> value) {
  if ((ring_.size() + 1) * 4 > places_.size() * 3) Grow();
  const size_t before = bytes_;
  const uint64_t hash = StableHash64(key);
  Place& place = places_[Locate(hash, key)];
  const size_t value_size = value.has_value() ? value->size() : 0;
  const size_t needed = key.size() + value_size;
  if (place.record == nullptr) {
    ring_.push_back(Make(hash, key, value_size));
    place = {hash, ring_.back().get()};
    place.record->ring_position = static_cast<uint32_t>(ring_.size() - 1);
  } else {
    bytes_ -= place.record->Weight();
    // One that shrinks much gives its memory back.
    if (needed > place.record->capacity || needed < place.record->capacity / 2) {
      const uint32_t position = place.record->ring_position;
      ring_[position] = Make(hash, key, value_size);
      place.record = ring_[position].get();
      place.record->ring_position = position;
    }
  }
  place.record->SetValue(value);
  place.record->used = true;
  place.record->generation = generation_;
  bytes_ += place.record->Weight();
  // When the bound was lowered a few go with each call, so that none takes long.
  const size_t bound = std::max(bytes_max_, before);
  for (size_t i = 0; bytes_ > bound || (bytes_ > bytes_max_ && i < kEvictedPerStore); ++i) {
    EvictOne();
  }
}

void RecordCache::Forget(const storage::KeyBounds& bounds) {
  if (generation_++ == 0) {
    forgotten_ = bounds;
    return;
  }
  forgotten_.lower = std::min(forgotten_.lower, bounds.lower);
  const bool endless = forgotten_.upper.empty() || bounds.upper.empty();
  forgotten_.upper = endless ? std::string() : std::max(forgotten_.upper, bounds.upper);
}

bool RecordCache::Forgotten(const Record& record) const {
  if (record.generation == generation_) return false;
  const absl::string_view key = record.key();
  return key >= forgotten_.lower && (forgotten_.upper.empty() || key < forgotten_.upper);
}

size_t RecordCache::Locate(uint64_t hash, absl::string_view key) const {
  size_t at = hash & (places_.size() - 1);
  while (places_[at].record != nullptr &&
         !(places_[at].hash == hash && places_[at].record->key() == key)) {
    at = Next(at);
  }
  return at;
}

void RecordCache::Grow() {
  places_.assign(std::max(kPlacesMin, places_.size() * 2), Place());
  for (const OwnedRecord& record : ring_) {
    places_[Locate(record->hash, record->key())] = {record->hash, record.get()};
  }
}

void RecordCache::EvictOne() {
  SHARDD_CHECK(!ring_.empty());
  while (true) {
    if (hand_ >= ring_.size()) hand_ = 0;
    Record& record = *ring_[hand_];
    if (!std::exchange(record.used, false) || Forgotten(record)) break;
    ++hand_;
  }
  Record& record = *ring_[hand_];
  bytes_ -= record.Weight();
  Free(Locate(record.hash, record.key()));
  // The newest takes its position: the hand has just passed there, as it would have.
  std::swap(ring_[hand_], ring_.back());
  ring_[hand_]->ring_position = static_cast<uint32_t>(hand_);
  ring_.pop_back();
  ++hand_;
}

void RecordCache::Free(size_t place) {
  places_[place] = Place();
  // Deletion without tombstones (Knuth, The Art of Computer Programming 3, 6.4, algorithm R).
  const size_t mask = places_.size() - 1;
  for (size_t at = Next(place); places_[at].record != nullptr; at = Next(at)) {
    const size_t home = places_[at].hash & mask;
    if (((at - home) & mask) < ((at - place) & mask)) continue;  // its home is behind the gap
    places_[place] = std::exchange(places_[at], Place());
    place = at;
  }
}

bool CachingReader::Keeps(storage::Family family, absl::string_view key) {
  if (!storage::IsHome(family) || key.size() <= kRoutingKeyBytes) return false;
  const auto type = static_cast<RecordType>(key[kRoutingKeyBytes]);
  return type == RecordType::kAccount || type == RecordType::kEntry;
}

absl::StatusOr<bool> CachingReader::Get(storage::Family family, absl::string_view key,
                                        std::string* value) const {
  if (!Keeps(family, key)) return base_.Get(family, key, value);
  if (const std::optional<RecordCache::Known> known = cache_.Find(key)) {
    if (known->exists) value->assign(known->value.data(), known->value.size());
    return known->exists;
  }
  SHARDD_ASSIGN_OR_RETURN(const bool found, base_.Get(family, key, value));
  cache_.Store(key, found ? std::optional<absl::string_view>(*value) : std::nullopt);
  return found;
}

}  // namespace shardd
