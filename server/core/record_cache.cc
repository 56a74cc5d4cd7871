#include "server/core/record_cache.h"

#include <utility>

#include "server/account/record_key.h"
#include "server/base/status_macros.h"

namespace shardd {
namespace {

// What a record takes besides its bytes: list node, map node and their share of the table.
constexpr size_t kRecordOverheadBytes = 160;

}  // namespace

size_t RecordCache::Weight(const Record& record) {
  return kRecordOverheadBytes + record.key.size() +
         (record.value.has_value() ? record.value->size() : 0);
}

const std::optional<std::string>* RecordCache::Find(absl::string_view key) {
  const auto found = places_.find(key);
  if (found == places_.end()) return nullptr;
  records_.splice(records_.begin(), records_, found->second);
  return &found->second->value;
}

void RecordCache::Store(absl::string_view key, std::optional<std::string> value) {
  const auto found = places_.find(key);
  if (found != places_.end()) {
    Record& record = *found->second;
    bytes_ -= Weight(record);
    record.value = std::move(value);
    bytes_ += Weight(record);
    records_.splice(records_.begin(), records_, found->second);
  } else {
    records_.push_front(Record{std::string(key), std::move(value)});
    places_.emplace(records_.front().key, records_.begin());
    bytes_ += Weight(records_.front());
  }
  while (bytes_ > bytes_max_ && !records_.empty()) {
    bytes_ -= Weight(records_.back());
    places_.erase(records_.back().key);
    records_.pop_back();
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
  if (const std::optional<std::string>* known = cache_.Find(key); known != nullptr) {
    if (known->has_value()) *value = **known;
    return known->has_value();
  }
  SHARDD_ASSIGN_OR_RETURN(const bool found, base_.Get(family, key, value));
  cache_.Store(key, found ? std::optional<std::string>(*value) : std::nullopt);
  return found;
}

}  // namespace shardd
