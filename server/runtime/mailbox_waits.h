#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace shardd {

// Upper bounds of the histogram of waits; above the last there is one more.
inline constexpr std::array<absl::Duration, 13> kMailboxWaitBuckets = {
    absl::Microseconds(50),  absl::Microseconds(100), absl::Microseconds(250),
    absl::Microseconds(500), absl::Milliseconds(1),   absl::Microseconds(2500),
    absl::Milliseconds(5),   absl::Milliseconds(10),  absl::Milliseconds(25),
    absl::Milliseconds(100), absl::Milliseconds(500), absl::Seconds(2),
    absl::Seconds(10)};

// How long requests waited for their workers. All requests of a turn count as having waited as long
// as the oldest of them: none waited longer.
struct MailboxWaits {
  std::array<uint64_t, kMailboxWaitBuckets.size() + 1> buckets{};  // requests, each by itself
  absl::Duration sum;

  void Add(const MailboxWaits& other);
};

// The waits of one worker's requests, counted up.
//
// Thread safety: Count from its worker alone; Read from any. Fields are read one by one, so they
// may be of slightly different moments.
class MailboxWaitCounter {
 public:
  // A turn of so many requests, the oldest of which has waited so long.
  void Count(uint64_t requests, absl::Duration oldest);
  MailboxWaits Read() const;

 private:
  std::array<std::atomic<uint64_t>, kMailboxWaitBuckets.size() + 1> buckets_{};
  std::atomic<double> sum_seconds_{0};
};

}  // namespace shardd
