#pragma once

#include <cstdint>
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

  // Shows the line anew, a few times a second at most.
  void Show(uint64_t count, uint64_t bytes_done);

  // Removes the line until it is shown again, so that another one can be printed.
  void Hide();

 private:
  Terminal& terminal_;
  client::Clock& clock_;
  const std::string unit_;
  const uint64_t bytes_total_;
  const absl::Time start_;
  absl::Time next_;
  bool shown_ = false;
  std::string words_;
};

}  // namespace shardd::shardctl
