#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "absl/container/btree_set.h"
#include "absl/strings/string_view.h"

namespace shardd::storage {

// A column family: `meta`, `messages`, or one of the homes `h0001`, `h0002`, ….
struct Family {
  uint32_t number = 0;  // 0 is meta; homes count from 1; then come the messages
  friend constexpr auto operator<=>(Family, Family) = default;
};
inline constexpr uint32_t kHomeNumberMax = 9999;  // four digits
inline constexpr Family kMeta{0};
inline constexpr Family kMessages{kHomeNumberMax + 1};
constexpr bool IsHome(Family family) { return family > kMeta && family < kMessages; }

// "meta", "messages", "h0001"; and back, nullopt for any other text.
std::string ToText(Family family);
std::optional<Family> ParseFamily(absl::string_view name);

// A key and its new value; nullopt: deleted.
struct Change {
  std::string key;
  std::optional<std::string> value;
  std::optional<Family> also = std::nullopt;  // a second family that gets the same
};

// Changes by key, in bytewise order.
//
// Keys are compared by their first 16 bytes as numbers that lie in the tree itself; only keys that
// agree in those are looked at. A turn's thousands of keys of accounts differ there, and do not fit
// into the processor's caches.
//
// Thread safety: none.
class ChangeSet {
  struct Place {
    uint64_t high = 0;
    uint64_t low = 0;
    Change* change = nullptr;
  };
  struct Sought {
    uint64_t high = 0;
    uint64_t low = 0;
    absl::string_view key;
  };
  struct Less {
    using is_transparent = void;
    bool operator()(const Place& a, const Place& b) const;
    bool operator()(const Place& a, const Sought& b) const;
    bool operator()(const Sought& a, const Place& b) const;
  };
  using Tree = absl::btree_set<Place, Less>;

 public:
  class Iterator {
   public:
    Iterator() = default;
    const Change& operator*() const { return *at_->change; }
    const Change* operator->() const { return at_->change; }
    Iterator& operator++() { return ++at_, *this; }
    Iterator& operator--() { return --at_, *this; }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    friend class ChangeSet;
    explicit Iterator(Tree::const_iterator at) : at_(at) {}
    Tree::const_iterator at_;
  };

  ChangeSet() = default;
  ChangeSet(ChangeSet&&) = default;
  ChangeSet& operator=(ChangeSet&&) = default;
  ChangeSet(const ChangeSet& other);
  ChangeSet& operator=(const ChangeSet& other);

  Iterator begin() const { return Iterator(tree_.begin()); }
  Iterator end() const { return Iterator(tree_.end()); }
  Iterator find(absl::string_view key) const { return Iterator(tree_.find(Seek(key))); }
  // The first at or after `key`; the first after it.
  Iterator lower_bound(absl::string_view key) const {
    return Iterator(tree_.lower_bound(Seek(key)));
  }
  Iterator upper_bound(absl::string_view key) const {
    return Iterator(tree_.upper_bound(Seek(key)));
  }
  size_t size() const { return tree_.size(); }

  // How many writes this adds: those to a key that was there before replace them.
  size_t Set(std::string key, std::optional<std::string> value, std::optional<Family> also);

 private:
  static Sought Seek(absl::string_view key);

  Tree tree_;
  std::deque<Change> changes_;  // where the places point; nothing is ever taken out
};

// What one atomic commit writes: for each key its new value, or that it is deleted. Ordered, and
// the last word on a key counts, so that it also serves as an overlay for reading one's own writes
// (see OverlayReader).
//
// Thread safety: none; a value.
class WriteSet {
 public:
  using Changes = ChangeSet;

  void Put(Family family, std::string key, std::string value);
  void Delete(Family family, std::string key);
  // Either: nullopt deletes. What is said of a key once for a second family, `also`, holds for the
  // last word on it too. REQUIRES: there is no more than one such family for a key, and nothing
  // else is said of the key there.
  void Set(Family family, std::string key, std::optional<std::string> value,
           std::optional<Family> also = std::nullopt);

  // Calls write(family, key, value) for each write, in the order of the families and keys, those to
  // second families right after their first.
  template <typename Write>
  void ForEach(Write&& write) const {
    for (const auto& [family, changes] : families_) {
      for (const Change& change : changes) {
        write(family, change.key, change.value);
        if (change.also.has_value()) write(*change.also, change.key, change.value);
      }
    }
  }

  // What this set says about a key; nullptr if nothing. Like the other questions it does not see
  // what is in `family` as a second one.
  const std::optional<std::string>* Find(Family family, absl::string_view key) const;

  // The changes to one family; nullptr if none.
  const Changes* ChangesOf(Family family) const;
  const std::map<Family, Changes>& families() const { return families_; }

  bool empty() const { return count_ == 0; }
  // Writes: calls that ForEach makes.
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
