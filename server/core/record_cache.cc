#include "server/core/record_cache.h"

#include <algorithm>

#include "server/account/record_key.h"
#include "server/base/check.h"
#include "server/base/hash.h"
#include "server/base/status_macros.h"

namespace shardd {
namespace {

constexpr size_t kPlacesMin = 16;
// What a record takes besides its bytes: its places in a table that is between seven sixteenths and
// seven eighths full, and what the allocator adds.
constexpr size_t kRecordOverheadBytes = 80;

}  // namespace

void RecordCache::Place::Set(absl::string_view its_key,
                             std::optional<absl::string_view> its_value) {
  const absl::string_view new_value = its_value.value_or(absl::string_view());
  const size_t needed = its_key.size() + new_value.size();
  // A record that shrinks much gives its memory back.
  if (bytes == nullptr || needed > capacity || needed < capacity / 2) {
    bytes = std::make_unique_for_overwrite<char[]>(needed);
    capacity = static_cast<uint32_t>(needed);
    key_size = 0;
  }
  if (key_size == 0) std::copy(its_key.begin(), its_key.end(), bytes.get());
  std::copy(new_value.begin(), new_value.end(), bytes.get() + its_key.size());
  key_size = static_cast<uint32_t>(its_key.size());
  value_size = static_cast<uint32_t>(new_value.size());
  exists = its_value.has_value();
}

size_t RecordCache::Place::Weight() const { return kRecordOverheadBytes + capacity; }

std::optional<RecordCache::Known> RecordCache::Find(absl::string_view key) {
  if (places_.empty()) return std::nullopt;
  Place& place = places_[Locate(StableHash64(key), key)];
  if (place.bytes == nullptr) return std::nullopt;
  place.used = true;
  return Known{place.exists, place.value()};
}

void RecordCache::Store(absl::string_view key, std::optional<absl::string_view> value) {
  if ((count_ + 1) * 8 > places_.size() * 7) Grow();
  const uint64_t hash = StableHash64(key);
  Place& place = places_[Locate(hash, key)];
  if (place.bytes == nullptr) {
    ++count_;
  } else {
    bytes_ -= place.Weight();
  }
  place.hash = hash;
  place.used = true;
  place.Set(key, value);
  bytes_ += place.Weight();
  while (bytes_ > bytes_max_) EvictOne();
}

size_t RecordCache::Locate(uint64_t hash, absl::string_view key) const {
  size_t at = hash & (places_.size() - 1);
  while (places_[at].bytes != nullptr && !(places_[at].hash == hash && places_[at].key() == key)) {
    at = Next(at);
  }
  return at;
}

void RecordCache::Grow() {
  std::vector<Place> before =
      std::exchange(places_, std::vector<Place>(std::max(kPlacesMin, places_.size() * 2)));
  hand_ = 0;
  for (Place& place : before) {
    if (place.bytes != nullptr) places_[Locate(place.hash, place.key())] = std::move(place);
  }
}

void RecordCache::EvictOne() {
  SHARDD_CHECK(count_ > 0);
  while (true) {
    Place& place = places_[hand_];
    // After this one is freed, another may stand in its place: the hand stays.
    if (place.bytes != nullptr && !std::exchange(place.used, false)) return Free(hand_);
    hand_ = Next(hand_);
  }
}

void RecordCache::Free(size_t place) {
  bytes_ -= places_[place].Weight();
  --count_;
  places_[place] = Place();
  // Deletion without tombstones (Knuth, The Art of Computer Programming 3, 6.4, algorithm R).
  for (size_t at = Next(place); places_[at].bytes != nullptr; at = Next(at)) {
    const size_t mask = places_.size() - 1;
    const size_t home = places_[at].hash & mask;
    if (((at - home) & mask) < ((at - place) & mask)) continue;  // its home is behind the gap
    places_[place] = std::move(places_[at]);
    places_[at] = Place();
    place = at;
  }
}

bool CachingReader::Keeps(storage::Family family, absl::string_view key) {
  if (family == storage::kMeta || key.size() <= kRoutingKeyBytes) return false;
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
