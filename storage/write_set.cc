#include "storage/write_set.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"

namespace shardd::storage {

std::string ToText(Family family) {
  if (family == kMeta) return "meta";
  return absl::StrFormat("h%04u", family.number);
}

std::optional<Family> ParseFamily(absl::string_view name) {
  if (name == "meta") return kMeta;
  Family family;
  if (name.size() < 2 || !absl::ascii_isdigit(name[1])) return std::nullopt;
  if (!absl::SimpleAtoi(name.substr(1), &family.number) || family == kMeta) return std::nullopt;
  if (family.number > kHomeNumberMax) return std::nullopt;
  // Only the one spelling that ToText gives.
  if (ToText(family) != name) return std::nullopt;
  return family;
}

void WriteSet::Put(Family family, std::string key, std::string value) {
  Set(family, std::move(key), std::move(value));
}

void WriteSet::Delete(Family family, std::string key) { Set(family, std::move(key), std::nullopt); }

const std::optional<std::string>* WriteSet::Find(Family family, absl::string_view key) const {
  const Changes* changes = ChangesOf(family);
  if (changes == nullptr) return nullptr;
  const auto found = changes->find(key);
  return found == changes->end() ? nullptr : &found->second;
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

void WriteSet::Set(Family family, std::string key, std::optional<std::string> value) {
  bytes_ += key.size() + (value.has_value() ? value->size() : 0);
  const auto [where, is_new] = families_[family].try_emplace(std::move(key));
  where->second = std::move(value);
  if (is_new) ++count_;
}

}  // namespace shardd::storage
