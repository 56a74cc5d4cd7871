#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/strings/string_view.h"

namespace shardd::storage {

// A column family: `meta`, or one of the homes `h0001`, `h0002`, ….
struct Family {
  uint32_t number = 0;  // 0 is meta; homes count from 1
  friend constexpr auto operator<=>(Family, Family) = default;
};
inline constexpr Family kMeta{0};
inline constexpr uint32_t kHomeNumberMax = 9999;  // four digits

// "meta", "h0001"; and back, nullopt for any other text.
std::string ToText(Family family);
std::optional<Family> ParseFamily(absl::string_view name);

// What one atomic commit writes: for each key its new value, or that it is deleted. Ordered, and
// the last word on a key counts, so that it also serves as an overlay for reading one's own writes
// (see OverlayReader).
//
// Thread safety: none; a value.
class WriteSet {
 public:
  // nullopt: deleted.
  using Changes = absl::btree_map<std::string, std::optional<std::string>, std::less<>>;

  void Put(Family family, std::string key, std::string value);
  void Delete(Family family, std::string key);
  // Either: nullopt deletes.
  void Set(Family family, std::string key, std::optional<std::string> value);

  // What this set says about a key; nullptr if nothing.
  const std::optional<std::string>* Find(Family family, absl::string_view key) const;

  // The changes to one family; nullptr if none.
  const Changes* ChangesOf(Family family) const;
  const std::map<Family, Changes>& families() const { return families_; }

  bool empty() const { return count_ == 0; }
  size_t count() const { return count_; }
  // Bytes of keys and values, an upper bound when keys were written more than once.
  size_t bytes() const { return bytes_; }
  void Clear();

 private:
  std::map<Family, Changes> families_;
  size_t count_ = 0;
  size_t bytes_ = 0;
};

}  // namespace shardd::storage
