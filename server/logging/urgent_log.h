#pragma once

#include <semaphore.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "server/logging/log.h"
#include "server/logging/log_line.h"
#include "server/runtime/service_thread.h"
#include "server/threads_tracking_service/thread_registry.h"

namespace shardd {

// A log for a thread that must not wait, whatever happens to the log of the others: their sink's
// lock may be held by a thread that is stuck, writing to a pipe that nobody reads or to a disk that
// does not answer.
//
// Write takes no lock and makes no system call on the file: lines go through a ring to a thread of
// the log's own, which writes them, and may be stuck in turn. Lines that it has no room for are
// dropped, and the next line says how many were.
//
// Why not a file that does not block: a disk file has no such mode, and the mode of a pipe belongs
// to all who share it.
//
// Thread safety: Write from one thread at a time.
class UrgentLog {
 public:
  // So many lines may wait: more than a watchdog that names all threads of a small daemon.
  static constexpr size_t kLinesMax = 256;

  // Writes to `fd`, which must outlive the log; `threads` too.
  UrgentLog(int fd, LogFormat format, ThreadRegistry& threads);
  // Waits until what was taken is written.
  ~UrgentLog();
  UrgentLog(const UrgentLog&) = delete;
  UrgentLog& operator=(const UrgentLog&) = delete;

  // Returns false if the line was dropped.
  bool Write(const LogLine& line);

 private:
  // sem_t, which may be posted without a lock.
  class Semaphore {
   public:
    Semaphore() { sem_init(&semaphore_, /*pshared=*/0, 0); }
    ~Semaphore() { sem_destroy(&semaphore_); }
    Semaphore(const Semaphore&) = delete;
    Semaphore& operator=(const Semaphore&) = delete;
    void Post() { sem_post(&semaphore_); }
    // Returns early if a signal comes.
    void Wait() { sem_wait(&semaphore_); }

   private:
    sem_t semaphore_;
  };

  void Loop();
  void WriteAll(const std::string& text) const;

  const int fd_;
  const LogFormat format_;
  const std::shared_ptr<ThreadRecord> record_;
  uint64_t dropped_ = 0;  // of the writing thread

  // Lines [read_, written_) of the ring wait: slots in between are the log's thread's, the others
  // the writing thread's.
  std::array<std::string, kLinesMax> ring_;
  std::atomic<size_t> read_{0};
  std::atomic<size_t> written_{0};
  std::atomic<bool> stop_{false};
  Semaphore changed_;     // posted after each line, and to stop
  ServiceThread thread_;  // last: it uses the rest
};

}  // namespace shardd
