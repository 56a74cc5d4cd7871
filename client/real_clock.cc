#include "absl/time/clock.h"
#include "client/clock.h"

namespace shardd::client {
namespace {

class MachineClock : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
  void Wait(absl::Duration duration) override { absl::SleepFor(duration); }
};

}  // namespace

Clock& RealClock() {
  static MachineClock* const clock = new MachineClock();
  return *clock;
}

}  // namespace shardd::client
