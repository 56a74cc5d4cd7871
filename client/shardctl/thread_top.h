#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/shardctl/rows.h"
#include "client/shardctl/terminal.h"
#include "shardd/v1/thread_tracking.pb.h"

namespace shardd::shardctl {

enum class ThreadOrder { kBusy, kCpu, kQueue, kName };

// What `thread top` shows: threads and, from the difference to the time before, how fast they work.
//
// Thread safety: none.
class ThreadTop {
 public:
  // The threads as of `now`. Stopped ones and those of libraries are left out.
  void Update(absl::Time now, const v1::ListThreadsResponse& threads);

  void set_order(ThreadOrder order) { order_ = order; }
  // Takes a key of the screen: b, c, d or n. Returns whether it means something.
  bool OnKey(char key);

  static std::vector<Column> Columns();
  std::vector<Row> Rows() const;
  void PrintScreen(const TerminalSize& size, bool color, std::ostream& out) const;

 private:
  struct Item {
    v1::Thread thread;
    std::optional<double> cpu_ratio;  // processors used
    std::optional<double> items_per_second;
  };

  std::vector<const Item*> Sorted() const;

  ThreadOrder order_ = ThreadOrder::kBusy;
  std::vector<Item> items_;
  std::map<std::string, v1::Thread> before_;
  absl::Time updated_;
};

}  // namespace shardd::shardctl
