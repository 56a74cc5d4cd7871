#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "server/load_balancing_service/load_trace.h"

namespace shardd {

// The newest rounds of the balancer as frames of a load trace, in bounded memory.
//
// Thread safety: none.
class TraceRing {
 public:
  using Frame = std::shared_ptr<const std::string>;

  TraceRing(size_t rounds_max, size_t bytes_max) : rounds_max_(rounds_max), bytes_max_(bytes_max) {}

  // A frame that is larger than the ring is left out.
  void Add(std::string frame);

  std::vector<Frame> frames() const { return {frames_.begin(), frames_.end()}; }

 private:
  const size_t rounds_max_;
  const size_t bytes_max_;
  size_t bytes_ = 0;
  std::deque<Frame> frames_;  // oldest first
};

}  // namespace shardd
