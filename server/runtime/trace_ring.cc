#include "server/runtime/trace_ring.h"

#include <utility>

namespace shardd {

void TraceRing::Add(std::string frame) {
  if (frame.size() > bytes_max_) return;
  bytes_ += frame.size();
  frames_.push_back(std::make_shared<const std::string>(std::move(frame)));
  while (frames_.size() > rounds_max_ || bytes_ > bytes_max_) {
    bytes_ -= frames_.front()->size();
    frames_.pop_front();
  }
}

}  // namespace shardd
