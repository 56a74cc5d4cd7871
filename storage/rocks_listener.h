#pragma once

#include <memory>
#include <utility>

#include "rocksdb/listener.h"
#include "storage/failure_latch.h"
#include "storage/rocks_status.h"

namespace shardd::storage {

// Turns every background error of RocksDB into a failure for good: even those RocksDB would mend
// itself, because on mending it cannot be trusted.
//
// Thread safety: called by any thread of RocksDB, never blocks, never calls back into it.
class RocksListener final : public rocksdb::EventListener {
 public:
  explicit RocksListener(std::shared_ptr<FailureLatch> failure) : failure_(std::move(failure)) {}

  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* error) override {
    failure_->Fail(WriteError(*error, "RocksDB reports a background error"));
  }

  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }

 private:
  const std::shared_ptr<FailureLatch> failure_;
};

}  // namespace shardd::storage
