#include "storage/memory_store.h"

#include <algorithm>
#include <utility>

#include "server/base/check.h"
#include "server/base/codec.h"
#include "server/base/status_macros.h"
#include "storage/format.h"
#include "storage/home_gone.h"

namespace shardd::storage {

// The store as of one version, which stays readable as long as the view lives.
class MemoryStore::View final : public Reader {
 public:
  explicit View(const MemoryStore& store) : store_(store), version_(store.Pin()) {}
  ~View() override { store_.Unpin(version_); }
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  absl::StatusOr<bool> Get(Family family, absl::string_view key,
                           std::string* value) const override {
    MutexLock lock(store_.mutex_);
    const Keys* const keys = store_.KeysOf(family, version_);
    if (keys == nullptr) return HomeGoneError(family);
    const auto found = keys->find(key);
    if (found == keys->end()) return false;
    const std::optional<std::string>* stored = Find(found->second, version_);
    if (stored == nullptr || !stored->has_value()) return false;
    *value = **stored;
    return true;
  }

  std::unique_ptr<Cursor> NewCursor(Family family, KeyBounds bounds) const override;

  bool Holds(Family family) const {
    MutexLock lock(store_.mutex_);
    return store_.KeysOf(family, version_) != nullptr;
  }

 private:
  friend class ViewCursor;

  const MemoryStore& store_;
  const uint64_t version_;
};

// Looks its next key up at every move, so that commits may change the map under it.
class MemoryStore::ViewCursor final : public Cursor {
 public:
  // `owned` keeps the view alive if the cursor has its own.
  ViewCursor(const View& view, std::unique_ptr<View> owned, Family family, KeyBounds bounds)
      : owned_(std::move(owned)), view_(view), family_(family), bounds_(std::move(bounds)) {}

  bool Valid() const override { return valid_; }
  void SeekToFirst() override { Forward(bounds_.lower, /*inclusive=*/true); }
  void SeekToLast() override { Backward(bounds_.upper, /*inclusive=*/false); }
  void Seek(absl::string_view key) override {
    Forward(std::max(key, absl::string_view(bounds_.lower)), /*inclusive=*/true);
  }
  void SeekForPrev(absl::string_view key) override {
    if (PastEnd(key)) return SeekToLast();
    BackwardFrom(key, /*inclusive=*/true);
  }
  void Next() override {
    SHARDD_CHECK(valid_);
    Forward(std::string(key_), /*inclusive=*/false);
  }
  void Prev() override {
    SHARDD_CHECK(valid_);
    BackwardFrom(std::string(key_), /*inclusive=*/false);
  }
  absl::string_view key() const override { return key_; }
  absl::string_view value() const override { return value_; }
  absl::Status status() const override { return absl::OkStatus(); }

 private:
  const Keys& LockedKeys() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(view_.store_.mutex_) {
    const Keys* const keys = view_.store_.KeysOf(family_, view_.version_);
    SHARDD_CHECK(keys != nullptr);  // the view keeps them
    return *keys;
  }

  bool PastEnd(absl::string_view key) const {
    return !bounds_.upper.empty() && key >= bounds_.upper;
  }

  void Forward(absl::string_view from, bool inclusive) {
    MutexLock lock(view_.store_.mutex_);
    const Keys& keys = LockedKeys();
    auto at = inclusive ? keys.lower_bound(from) : keys.upper_bound(from);
    while (at != keys.end() && !PastEnd(at->first)) {
      if (Take(*at)) return;
      ++at;
    }
    valid_ = false;
  }

  // From `upper`, or from the end of the family if it is empty.
  void Backward(absl::string_view upper, bool inclusive) {
    if (!upper.empty()) return BackwardFrom(upper, inclusive);
    MutexLock lock(view_.store_.mutex_);
    const Keys& keys = LockedKeys();
    TakeBefore(keys, keys.end());
  }

  void BackwardFrom(absl::string_view from, bool inclusive) {
    MutexLock lock(view_.store_.mutex_);
    const Keys& keys = LockedKeys();
    TakeBefore(keys, inclusive ? keys.upper_bound(from) : keys.lower_bound(from));
  }

  void TakeBefore(const Keys& keys, Keys::const_iterator at) {
    while (at != keys.begin()) {
      --at;
      if (at->first < bounds_.lower) break;
      if (Take(*at)) return;
    }
    valid_ = false;
  }

  // Whether the key exists in this view; if so the cursor stands there.
  bool Take(const Keys::value_type& entry) {
    const std::optional<std::string>* stored = Find(entry.second, view_.version_);
    if (stored == nullptr || !stored->has_value()) return false;
    key_ = entry.first;
    value_ = **stored;
    valid_ = true;
    return true;
  }

  const std::unique_ptr<View> owned_;
  const View& view_;
  const Family family_;
  const KeyBounds bounds_;
  bool valid_ = false;
  std::string key_;
  std::string value_;
};

std::unique_ptr<Cursor> MemoryStore::View::NewCursor(Family family, KeyBounds bounds) const {
  if (!Holds(family)) return MakeHomeGoneCursor(family);
  return std::make_unique<ViewCursor>(*this, nullptr, family, std::move(bounds));
}

MemoryStore::MemoryStore() {
  WriteSet writes;
  writes.Put(kMeta, std::string(kFormatKey), ByteWriter().Fixed16(kFormatVersion).Take());
  writes.Put(kMeta, std::string(kInstanceKey), std::string(kInstanceBytes, '\0'));
  MutexLock lock(mutex_);
  families_[kMeta];
  families_[kMessages];
  space_.free_bytes = uint64_t{1} << 40;
  Apply(writes);
}

MemoryStore::~MemoryStore() {
  MutexLock lock(mutex_);
  SHARDD_CHECK(pinned_.empty());
}

absl::StatusOr<bool> MemoryStore::Get(Family family, absl::string_view key,
                                      std::string* value) const {
  return View(*this).Get(family, key, value);
}

std::unique_ptr<Cursor> MemoryStore::NewCursor(Family family, KeyBounds bounds) const {
  auto view = std::make_unique<View>(*this);
  if (!view->Holds(family)) return MakeHomeGoneCursor(family);
  const View& borrowed = *view;
  return std::make_unique<ViewCursor>(borrowed, std::move(view), family, std::move(bounds));
}

absl::Status MemoryStore::Commit(const WriteSet& writes) {
  SHARDD_RETURN_IF_ERROR(CommitUnsynced(writes));
  return Sync();
}

absl::Status MemoryStore::CommitUnsynced(const WriteSet& writes) {
  MutexLock lock(mutex_);
  if (!failure_.ok()) return failure_;
  // No ForEach here: clang's analysis does not see that a lambda runs under the lock.
  for (const auto& [family, changes] : writes.families()) {
    SHARDD_CHECK(families_.contains(family));
    for (const Change& change : changes) {
      SHARDD_CHECK(!change.also.has_value() || families_.contains(*change.also));
    }
  }
  unsynced_.push_back(writes);
  return absl::OkStatus();
}

absl::Status MemoryStore::Sync() {
  MutexLock lock(mutex_);
  if (!next_failure_.ok()) failure_ = std::exchange(next_failure_, absl::OkStatus());
  if (!failure_.ok()) return failure_;
  ApplyUnsynced(unsynced_.size());
  return absl::OkStatus();
}

size_t MemoryStore::unsynced_batches() const {
  MutexLock lock(mutex_);
  return unsynced_.size();
}

std::unique_ptr<Reader> MemoryStore::Snapshot() const { return std::make_unique<View>(*this); }

std::vector<Family> MemoryStore::Homes() const {
  MutexLock lock(mutex_);
  std::vector<Family> homes;
  for (const auto& [family, life] : families_) {
    if (IsHome(family)) homes.push_back(family);
  }
  return homes;
}

absl::Status MemoryStore::CreateHome(Family home) {
  SHARDD_CHECK(IsHome(home));
  MutexLock lock(mutex_);
  if (!failure_.ok()) return failure_;
  if (families_.contains(home)) return absl::OkStatus();
  families_[home].created = ++version_;
  return absl::OkStatus();
}

absl::Status MemoryStore::DropHome(Family home) {
  SHARDD_CHECK(IsHome(home));
  MutexLock lock(mutex_);
  if (!failure_.ok()) return failure_;
  for (const WriteSet& batch : unsynced_) {
    batch.ForEach([home](Family family, const std::string&, const std::optional<std::string>&) {
      SHARDD_CHECK(family != home);
    });
  }
  const auto found = families_.find(home);
  if (found == families_.end()) return absl::OkStatus();
  found->second.dropped = ++version_;
  dropped_.push_back({home, std::move(found->second)});
  families_.erase(found);
  DropObsoleteLives();
  return absl::OkStatus();
}

absl::Status MemoryStore::CompactRange(Family home, KeyBounds, std::atomic<bool>& cancelled) {
  MutexLock lock(mutex_);
  if (cancelled.load()) return absl::CancelledError("the compaction was cancelled");
  return families_.contains(home) ? absl::OkStatus() : HomeGoneError(home);
}

absl::StatusOr<uint64_t> MemoryStore::ApproximateBytes(Family family, KeyBounds bounds) const {
  const std::unique_ptr<Cursor> cursor = NewCursor(family, std::move(bounds));
  uint64_t bytes = 0;
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    bytes += cursor->key().size() + cursor->value().size();
  }
  if (!cursor->status().ok()) return cursor->status();
  return bytes;
}

absl::Status MemoryStore::Health() const {
  MutexLock lock(mutex_);
  return failure_;
}

absl::StatusOr<SpaceUsage> MemoryStore::Space() const {
  MutexLock lock(mutex_);
  return space_;
}

absl::Status MemoryStore::Close() {
  {
    MutexLock lock(mutex_);
    SHARDD_CHECK(pinned_.empty());
  }
  return Sync();
}

void MemoryStore::Crash(size_t unsynced_kept) {
  MutexLock lock(mutex_);
  SHARDD_CHECK(pinned_.empty());
  ApplyUnsynced(unsynced_kept);
  unsynced_.clear();
  failure_ = absl::OkStatus();
  next_failure_ = absl::OkStatus();
}

std::unique_ptr<MemoryStore> MemoryStore::CloneDurable(size_t unsynced_kept) const {
  auto clone = std::make_unique<MemoryStore>();
  MutexLock lock(mutex_);
  MutexLock clone_lock(clone->mutex_);
  for (const auto& [family, life] : families_) {
    Keys& copy = clone->families_[family].keys;
    for (const auto& [key, history] : life.keys) {
      const std::optional<std::string>& newest = history.back().value;
      if (newest.has_value()) copy[key] = {Versioned{clone->version_, newest}};
    }
  }
  for (const WriteSet& batch : unsynced_) clone->unsynced_.push_back(batch);
  clone->ApplyUnsynced(unsynced_kept);
  clone->unsynced_.clear();
  clone->space_ = space_;
  return clone;
}

void MemoryStore::FailNextCommit(absl::Status failure) {
  SHARDD_CHECK(!failure.ok());
  MutexLock lock(mutex_);
  next_failure_ = std::move(failure);
}

void MemoryStore::Fail(absl::Status failure) {
  SHARDD_CHECK(!failure.ok());
  MutexLock lock(mutex_);
  failure_ = std::move(failure);
}

void MemoryStore::SetSpace(const SpaceUsage& space) {
  MutexLock lock(mutex_);
  space_ = space;
}

const std::optional<std::string>* MemoryStore::Find(const History& history, uint64_t version) {
  for (auto at = history.rbegin(); at != history.rend(); ++at) {
    if (at->version <= version) return &at->value;
  }
  return nullptr;
}

uint64_t MemoryStore::Pin() const {
  MutexLock lock(mutex_);
  pinned_.insert(version_);
  return version_;
}

void MemoryStore::Unpin(uint64_t version) const {
  MutexLock lock(mutex_);
  pinned_.erase(pinned_.find(version));
  DropObsoleteLives();
}

void MemoryStore::ApplyUnsynced(size_t count) {
  for (size_t applied = 0; applied < count && !unsynced_.empty(); ++applied) {
    Apply(unsynced_.front());
    unsynced_.pop_front();
  }
}

void MemoryStore::Apply(const WriteSet& writes) {
  ++version_;
  for (const auto& [family, changes] : writes.families()) {
    for (const auto& [key, value, also] : changes) {
      SetKey(family, key, value);
      if (also.has_value()) SetKey(*also, key, value);
    }
  }
  DropObsolete();
}

void MemoryStore::SetKey(Family family, const std::string& key,
                         const std::optional<std::string>& value) {
  Keys& keys = families_.at(family).keys;
  if (!pinned_.empty()) {
    keys[key].push_back({version_, value});
    superseded_.push_back({version_, family, key});
  } else if (value.has_value()) {
    keys[key] = {Versioned{version_, value}};
  } else {
    keys.erase(key);
  }
}

uint64_t MemoryStore::OldestVersionSeen() const {
  return pinned_.empty() ? version_ : *pinned_.begin();
}

void MemoryStore::DropObsoleteLives() const {
  const uint64_t oldest = OldestVersionSeen();
  while (!dropped_.empty() && dropped_.front().life.dropped <= oldest) dropped_.pop_front();
}

void MemoryStore::DropObsolete() {
  const uint64_t oldest = OldestVersionSeen();
  while (!superseded_.empty() && superseded_.front().version <= oldest) {
    const Superseded& front = superseded_.front();
    // The family may have been dropped, and made again: then this finds nothing obsolete there.
    const auto family = families_.find(front.family);
    if (family != families_.end()) DropObsolete(family->second.keys, front.key, oldest);
    superseded_.pop_front();
  }
}

// Keeps what views from `oldest` on can see.
void MemoryStore::DropObsolete(Keys& keys, const std::string& key, uint64_t oldest) {
  const auto found = keys.find(key);
  if (found == keys.end()) return;
  History& history = found->second;
  auto keep = history.end();
  while (keep != history.begin() && (keep == history.end() || keep->version > oldest)) --keep;
  history.erase(history.begin(), keep);
  if (history.size() == 1 && !history.front().value.has_value()) keys.erase(found);
}

const MemoryStore::Keys* MemoryStore::KeysOf(Family family, uint64_t version) const {
  const auto found = families_.find(family);
  if (found != families_.end() && found->second.created <= version) return &found->second.keys;
  for (const DroppedLife& one : dropped_) {
    if (one.family == family && one.life.created <= version && version < one.life.dropped) {
      return &one.life.keys;
    }
  }
  return nullptr;
}

}  // namespace shardd::storage
