#pragma once

#include <atomic>
#include <cstddef>

#include "absl/status/status.h"

namespace shardd::rpc {

// Counts the bytes of entries in answers that are not sent yet, of all calls together. A caller
// that asks and does not read makes them wait; more than the bound never do.
//
// Thread safety: safe.
class UnsentAnswers {
 public:
  explicit UnsentAnswers(size_t bytes_max) : bytes_max_(bytes_max) {}

  // OK if an answer of so many bytes may wait; then Remove must follow. kTooManyCalls.
  absl::Status Add(size_t bytes);
  void Remove(size_t bytes) { bytes_.fetch_sub(bytes, std::memory_order_relaxed); }

  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  const size_t bytes_max_;
  std::atomic<size_t> bytes_{0};
};

}  // namespace shardd::rpc
