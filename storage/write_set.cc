#include "storage/write_set.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "server/base/check.h"

namespace shardd::storage {
namespace {

constexpr size_t kHeadBytes = 16;

uint64_t LoadBigEndian(const uint8_t* bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(value); ++i) value = value << 8 | bytes[i];
  return value;
}

}  // namespace

std::string ToText(Family family) {
  if (family == kMeta) return "meta";
  if (family == kMessages) return "messages";
  return absl::StrFormat("h%04u", family.number);
}

std::optional<Family> ParseFamily(absl::string_view name) {
  if (name == "meta") return kMeta;
  if (name == "messages") return kMessages;
  Family family;
  if (name.size() < 2 || !absl::ascii_isdigit(name[1])) return std::nullopt;
  if (!absl::SimpleAtoi(name.substr(1), &family.number) || !IsHome(family)) return std::nullopt;
  // Only the one spelling that ToText gives.
  if (ToText(family) != name) return std::nullopt;
  return family;
}

bool ChangeSet::Less::operator()(const Place& a, const Place& b) const {
  return (*this)(a, Sought{b.high, b.low, b.change->key});
}

bool ChangeSet::Less::operator()(const Place& a, const Sought& b) const {
  if (a.high != b.high) return a.high < b.high;
  if (a.low != b.low) return a.low < b.low;
  return a.change->key < b.key;
}

bool ChangeSet::Less::operator()(const Sought& a, const Place& b) const {
  if (a.high != b.high) return a.high < b.high;
  if (a.low != b.low) return a.low < b.low;
  return a.key < b.change->key;
}

ChangeSet::Sought ChangeSet::Seek(absl::string_view key) {
  // A shorter key is filled up with zeros: it agrees with those it is a prefix of, or is less.
  uint8_t head[kHeadBytes] = {};
  std::copy_n(key.begin(), std::min(key.size(), kHeadBytes), head);
  return {LoadBigEndian(head), LoadBigEndian(head + kHeadBytes / 2), key};
}

ChangeSet::ChangeSet(const ChangeSet& other) {
  for (const Change& change : other) Set(change.key, change.value, change.also);
}

ChangeSet& ChangeSet::operator=(const ChangeSet& other) { return *this = ChangeSet(other); }

size_t ChangeSet::Set(std::string key, std::optional<std::string> value,
                      std::optional<Family> also) {
  const Sought sought = Seek(key);
  const auto at = tree_.lower_bound(sought);
  if (at != tree_.end() && at->change->key == sought.key) {
    at->change->value = std::move(value);
    if (!also.has_value() || at->change->also == also) return 0;
    SHARDD_CHECK(!at->change->also.has_value());
    at->change->also = also;
    return 1;
  }
  // `sought` points into the key, which moves.
  Change& change = changes_.emplace_back(Change{std::move(key), std::move(value), also});
  tree_.insert(at, Place{sought.high, sought.low, &change});
  return also.has_value() ? 2 : 1;
}

void WriteSet::Put(Family family, std::string key, std::string value) {
  Set(family, std::move(key), std::move(value));
}

void WriteSet::Delete(Family family, std::string key) { Set(family, std::move(key), std::nullopt); }

const std::optional<std::string>* WriteSet::Find(Family family, absl::string_view key) const {
  const Changes* changes = ChangesOf(family);
  if (changes == nullptr) return nullptr;
  const auto found = changes->find(key);
  return found == changes->end() ? nullptr : &found->value;
}

const WriteSet::Changes* WriteSet::ChangesOf(Family family) const {
  const auto found = families_.find(family);
  return found == families_.end() ? nullptr : &found->second;
}

void WriteSet::Clear() {
  families_.clear();
  count_ = 0;
  bytes_ = 0;
}

void WriteSet::Set(Family family, std::string key, std::optional<std::string> value,
                   std::optional<Family> also) {
  const size_t bytes = key.size() + (value.has_value() ? value->size() : 0);
  bytes_ += also.has_value() ? 2 * bytes : bytes;
  count_ += families_[family].Set(std::move(key), std::move(value), also);
}

}  // namespace shardd::storage
