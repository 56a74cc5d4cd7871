#pragma once

#include <functional>
#include <string>
#include <thread>

#include "absl/strings/string_view.h"

namespace shardd {

// A named thread that is joined when this object goes. All of the daemon's own threads are made
// here; the body decides when it ends, so whoever owns this must first tell it to.
//
// No thread dies alone: an exception that nobody catches, on any thread of the process from the
// first ServiceThread on, is told on stderr with the thread's name, and the process aborts. So does
// a failed SHARDD_CHECK.
//
// Thread safety: Join and the destructor from one thread.
class ServiceThread {
 public:
  // The operating system shows at most 15 characters of `name`.
  ServiceThread(absl::string_view name, std::function<void()> body);
  ~ServiceThread();
  ServiceThread(const ServiceThread&) = delete;
  ServiceThread& operator=(const ServiceThread&) = delete;

  // Waits until the body has returned. Harmless when called again.
  void Join();

 private:
  std::thread thread_;
};

}  // namespace shardd
