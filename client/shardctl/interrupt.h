#pragma once

#include <atomic>
#include <functional>
#include <mutex>

namespace shardd::shardctl {

// Whether the user wants shardctl to stop, and what must be told then.
//
// Thread safety: all methods may be called from any thread.
class Interrupt {
 public:
  // While one exists, an interrupt calls `on_interrupt` (on another thread) instead of ending the
  // process, so that the command can end in good order.
  class Scope {
   public:
    Scope(Interrupt& interrupt, std::function<void()> on_interrupt);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Interrupt& interrupt_;
  };

  bool requested() const { return requested_.load(); }

  // Returns false if nothing takes notice: it was not the first time, or no scope exists.
  bool Request();

 private:
  std::atomic<bool> requested_ = false;
  // A message would not do: the scope's end must wait for a callback that is running.
  std::mutex mutex_;
  std::function<void()> on_interrupt_;
};

}  // namespace shardd::shardctl
