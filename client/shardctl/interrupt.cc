#include "client/shardctl/interrupt.h"

#include <utility>

namespace shardd::shardctl {

Interrupt::Scope::Scope(Interrupt& interrupt, std::function<void()> on_interrupt)
    : interrupt_(interrupt) {
  const std::lock_guard<std::mutex> lock(interrupt_.mutex_);
  interrupt_.on_interrupt_ = std::move(on_interrupt);
  if (interrupt_.requested()) interrupt_.on_interrupt_();
}

Interrupt::Scope::~Scope() {
  const std::lock_guard<std::mutex> lock(interrupt_.mutex_);
  interrupt_.on_interrupt_ = nullptr;
}

bool Interrupt::Request() {
  const bool first = !requested_.exchange(true);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!first || on_interrupt_ == nullptr) return false;
  on_interrupt_();
  return true;
}

}  // namespace shardd::shardctl
