#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "client/clock.h"
#include "client/shardctl/terminal.h"

namespace shardd::shardctl {

// A line on standard error that says how far long work is: count, rate and, if the size of the work
// is known, a bar and the time left. Silent unless standard error is a terminal.
//
// Thread safety: none.
class Progress {
 public:
  // `unit` is what is counted, such as "accounts". `bytes_total` is 0 if not known.
  Progress(Terminal& terminal, client::Clock& clock, std::string unit, uint64_t bytes_total);

  // Removes the line.
  ~Progress();

  // What is being done, in words, at the end of the line.
  void Say(std::string words) { words_ = std::move(words); }

  // Shows the line anew, a few times a second at most. What was done before the first call does not
  // count for the rate and the time left; if `count` falls, the work has begun anew.
  void Show(uint64_t count, uint64_t bytes_done);

  // Removes the line until it is shown again, so that another one can be printed.
  void Hide();

 private:
  Terminal& terminal_;
  client::Clock& clock_;
  const std::string unit_;
  const uint64_t bytes_total_;
  // What the rate counts from.
  struct Start {
    absl::Time time;
    uint64_t count = 0;
    uint64_t bytes = 0;
  };
  std::optional<Start> start_;
  uint64_t last_count_ = 0;
  absl::Time next_ = absl::InfinitePast();
  bool shown_ = false;
  std::string words_;
};

}  // namespace shardd::shardctl
