#include <iterator>
#include <utility>

#include "server/base/check.h"
#include "storage/store.h"

namespace shardd::storage {
namespace {

// The changes of one family that lie within bounds, walked in both directions. "Before the first"
// is a state of its own: a map iterator has none.
class ChangesWalk {
 public:
  using Iterator = ChangeSet::Iterator;

  ChangesWalk(const WriteSet::Changes& changes, const KeyBounds& bounds)
      : changes_(changes),
        end_(bounds.upper.empty() ? changes.end() : changes.lower_bound(bounds.upper)),
        begin_(Empty(bounds) ? end_ : changes.lower_bound(bounds.lower)),
        at_(end_) {}

  bool Valid() const { return !before_first_ && at_ != end_; }
  void SeekToFirst() { MoveTo(begin_); }
  void SeekToLast() { MoveTo(end_), Prev(); }
  void Seek(absl::string_view key) { MoveTo(Clamp(changes_.lower_bound(key), key)); }
  void SeekForPrev(absl::string_view key) { MoveTo(Clamp(changes_.upper_bound(key), key)), Prev(); }
  void Next() { ++at_; }
  void Prev() {
    before_first_ = at_ == begin_;
    if (!before_first_) --at_;
  }
  absl::string_view key() const { return at_->key; }
  const std::optional<std::string>& value() const { return at_->value; }

 private:
  static bool Empty(const KeyBounds& bounds) {
    return !bounds.upper.empty() && bounds.lower >= bounds.upper;
  }
  void MoveTo(Iterator to) {
    at_ = to;
    before_first_ = false;
  }
  // `found` is where `key` would be; outside of the bounds it becomes the nearer bound.
  Iterator Clamp(Iterator found, absl::string_view key) const {
    if (begin_ == end_) return end_;
    if (key < begin_->key) return begin_;
    if (end_ != changes_.end() && key >= end_->key) return end_;
    return found;
  }

  const WriteSet::Changes& changes_;
  Iterator end_;
  Iterator begin_;
  Iterator at_;
  bool before_first_ = false;
};

// Merges a cursor over committed keys with pending changes; a change hides the committed key.
//
// Invariant: going forward, both sides stand at their first key at or after the current one; going
// back, at their last key at or before it.
class OverlayCursor final : public Cursor {
 public:
  OverlayCursor(std::unique_ptr<Cursor> base, ChangesWalk pending)
      : base_(std::move(base)), pending_(pending) {}

  bool Valid() const override { return source_ != Source::kNone; }

  void SeekToFirst() override {
    base_->SeekToFirst();
    pending_.SeekToFirst();
    Settle(Direction::kForward);
  }
  void SeekToLast() override {
    base_->SeekToLast();
    pending_.SeekToLast();
    Settle(Direction::kBackward);
  }
  void Seek(absl::string_view key) override {
    base_->Seek(key);
    pending_.Seek(key);
    Settle(Direction::kForward);
  }
  void SeekForPrev(absl::string_view key) override {
    base_->SeekForPrev(key);
    pending_.SeekForPrev(key);
    Settle(Direction::kBackward);
  }
  void Next() override {
    SHARDD_CHECK(Valid());
    if (direction_ == Direction::kBackward) Seek(std::string(key()));
    StepPastCurrent();
    Settle(Direction::kForward);
  }
  void Prev() override {
    SHARDD_CHECK(Valid());
    if (direction_ == Direction::kForward) SeekForPrev(std::string(key()));
    StepPastCurrent();
    Settle(Direction::kBackward);
  }
  absl::string_view key() const override {
    return source_ == Source::kPending ? pending_.key() : base_->key();
  }
  absl::string_view value() const override {
    return source_ == Source::kPending ? absl::string_view(*pending_.value()) : base_->value();
  }
  absl::Status status() const override { return base_->status(); }

 private:
  enum class Direction { kForward, kBackward };
  enum class Source { kNone, kBase, kPending };

  // Which side holds the next key in the direction; pending on a tie.
  Source Nearest() const {
    if (!base_->Valid() && !base_->status().ok()) return Source::kNone;
    if (!pending_.Valid()) return base_->Valid() ? Source::kBase : Source::kNone;
    if (!base_->Valid()) return Source::kPending;
    const int order = pending_.key().compare(base_->key());
    const bool pending_first = direction_ == Direction::kForward ? order <= 0 : order >= 0;
    return pending_first ? Source::kPending : Source::kBase;
  }

  // Stops at the nearest key that is not deleted.
  void Settle(Direction direction) {
    direction_ = direction;
    source_ = Nearest();
    while (source_ == Source::kPending && !pending_.value().has_value()) {
      StepPastCurrent();
      source_ = Nearest();
    }
  }

  void StepPastCurrent() {
    const bool both =
        source_ == Source::kPending && base_->Valid() && base_->key() == pending_.key();
    const bool forward = direction_ == Direction::kForward;
    if (both || source_ == Source::kBase) forward ? base_->Next() : base_->Prev();
    if (source_ == Source::kPending) forward ? pending_.Next() : pending_.Prev();
  }

  std::unique_ptr<Cursor> base_;
  ChangesWalk pending_;
  Direction direction_ = Direction::kForward;
  Source source_ = Source::kNone;
};

}  // namespace

absl::StatusOr<bool> OverlayReader::Get(Family family, absl::string_view key,
                                        std::string* value) const {
  const std::optional<std::string>* change = pending_.Find(family, key);
  if (change == nullptr) return base_.Get(family, key, value);
  if (!change->has_value()) return false;
  *value = **change;
  return true;
}

std::unique_ptr<Cursor> OverlayReader::NewCursor(Family family, KeyBounds bounds) const {
  const WriteSet::Changes* changes = pending_.ChangesOf(family);
  if (changes == nullptr) return base_.NewCursor(family, std::move(bounds));
  const ChangesWalk walk(*changes, bounds);
  return std::make_unique<OverlayCursor>(base_.NewCursor(family, std::move(bounds)), walk);
}

}  // namespace shardd::storage
