#include "server/daemon/thread_report.h"

#include <string>

#include "absl/time/time.h"

namespace shardd {

void ReportThreadEvent(const ThreadEvent& event, UrgentLog& log) {
  const bool stalled = event.kind == ThreadEventKind::kStalled;
  if (!stalled && event.kind != ThreadEventKind::kRecovered) return;
  const std::string message = ToText(event);
  LogLine line;
  line.time = event.time;
  line.level = stalled ? LogLevel::kWarning : LogLevel::kInfo;
  line.component = "threads";
  line.message = message;
  const LogFields fields = {{"event", NameOf(event.kind)},
                            {"thread", event.name},
                            {"thread_id", ToText(event.thread)},
                            {"phase", NameOf(event.phase)},
                            {"cause", NameOf(CauseOf(event.phase))},
                            {"phase_ms", absl::ToInt64Milliseconds(event.phase_time)},
                            {"cpu_ms", absl::ToInt64Milliseconds(event.cpu_time)}};
  line.fields = fields;
  static_cast<void>(log.Write(line));  // what is dropped is counted
}

}  // namespace shardd
