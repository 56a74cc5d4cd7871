#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/base/mutex.h"
#include "storage/store.h"

namespace shardd {

// A store whose commits wait while the gate is shut, so that a test can say what happens meanwhile.
// So do compactions, at a gate of their own.
// All else goes to `base`, which must outlive it.
//
// Thread safety: safe.
class GatedStore final : public storage::Store {
 public:
  explicit GatedStore(storage::Store& base) : base_(base) {}

  void Shut();
  void Open();
  // Waits until `count` commits have come to the gate since it was shut.
  void WaitForArrivals(size_t count);
  // Lets the `number`th of them through, from 1.
  void LetThrough(size_t number);

  // Called by each Get, on its thread, before it goes on. Set it before other threads use the
  // store.
  void OnGet(std::function<void()> on_get) { on_get_ = std::move(on_get); }

  void ShutCompactions();
  void OpenCompactions();
  // Waits until a compaction is at the gate.
  void WaitForCompaction();

  // 'h' for each time background work was to be held, 'r' for each time it was to resume.
  std::string background_calls() const;

  absl::StatusOr<bool> Get(storage::Family family, absl::string_view key,
                           std::string* value) const override;
  std::unique_ptr<storage::Cursor> NewCursor(storage::Family family,
                                             storage::KeyBounds bounds) const override;
  absl::Status Commit(const storage::WriteSet& writes) override;
  std::unique_ptr<storage::Reader> Snapshot() const override;
  std::vector<storage::Family> Homes() const override;
  absl::Status CreateHome(storage::Family home) override;
  absl::Status DropHome(storage::Family home) override;
  absl::Status CompactRange(storage::Family home, storage::KeyBounds bounds,
                            std::atomic<bool>& cancelled) override;
  void HoldBackgroundWork() override;
  void ResumeBackgroundWork() override;
  absl::StatusOr<uint64_t> ApproximateBytes(storage::Family family,
                                            storage::KeyBounds bounds) const override;
  absl::Status Health() const override;
  absl::StatusOr<storage::SpaceUsage> Space() const override;
  absl::Status Close() override;

 private:
  storage::Store& base_;
  std::function<void()> on_get_ = [] {};
  mutable Mutex mutex_;
  CondVar changed_;
  bool shut_ ABSL_GUARDED_BY(mutex_) = false;
  size_t arrived_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<size_t> let_through_ ABSL_GUARDED_BY(mutex_);
  bool compactions_shut_ ABSL_GUARDED_BY(mutex_) = false;
  bool compaction_waits_ ABSL_GUARDED_BY(mutex_) = false;
  std::string background_calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shardd
