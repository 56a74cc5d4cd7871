// Plan: metrics and log lines of threads made by hand, up to more workers than may be named.
#include "server/daemon/thread_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/daemon/thread_report.h"
#include "server/http/metric_text.h"

namespace shardd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ThreadStatus Thread(uint64_t id, absl::string_view name, ThreadRole role, double busy_ratio) {
  ThreadStatus thread;
  thread.id = ThreadId{id};
  thread.name = std::string(name);
  thread.role = role;
  thread.state = ThreadState::kRunning;
  thread.busy_ratio = busy_ratio;
  return thread;
}

std::string TextOf(const ThreadMetrics& metrics) {
  return http::ToPrometheusText(ThreadMetricFamiliesOf(metrics));
}

TEST(ThreadMetricsTest, TellsStatesStallsBusyRatiosAndProcessorTime) {
  ThreadMetrics metrics;
  metrics.threads = {Thread(1, "worker/s-0001", ThreadRole::kWorker, 0.25),
                     Thread(2, "http-worker", ThreadRole::kBackground, 0.125),
                     Thread(3, "http-worker", ThreadRole::kBackground, 0.5),
                     Thread(4, "worker/s-0002", ThreadRole::kWorker, 0)};
  metrics.threads[0].state = ThreadState::kStalled;
  metrics.threads[3].state = ThreadState::kStopped;
  metrics.stalls = {{{ThreadRole::kWorker, ThreadPhase::kCommitting}, 3}};
  metrics.cpu_time = {{ThreadRole::kPoller, absl::Milliseconds(2500)}};
  const std::string text = TextOf(metrics);
  for (const char* line : {
           "shardd_threads{role=\"worker\",state=\"stalled\"} 1\n",
           "shardd_threads{role=\"worker\",state=\"stopped\"} 1\n",
           "shardd_threads{role=\"poller\",state=\"running\"} 0\n",
           "shardd_thread_stalls_total{role=\"worker\",phase=\"committing\"} 3\n",
           "shardd_thread_stalls_total{role=\"coordinator\",phase=\"syncing\"} 0\n",
           "shardd_thread_stalls_total{role=\"worker\",phase=\"idle\"} 0\n",
           "shardd_thread_busy_ratio{role=\"worker\",thread=\"worker/s-0001\"} 0.25\n",
           "shardd_thread_busy_ratio{role=\"background\",thread=\"http-worker\"} 0.5\n",
           "shardd_thread_cpu_seconds_total{role=\"poller\"} 2.5\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("worker/s-0002")));
  EXPECT_THAT(text, Not(HasSubstr("phase=\"compacting\"")));
}

TEST(ThreadMetricsTest, OnlyTheBusiestWorkersAreNamed) {
  ThreadMetrics metrics;
  for (uint64_t i = 1; i <= kWorkersNamedMax + 2; ++i) {
    metrics.threads.push_back(
        Thread(i, absl::StrCat("w", i, "."), ThreadRole::kWorker, static_cast<double>(i) / 100));
  }
  const std::string text = TextOf(metrics);
  EXPECT_THAT(text, HasSubstr("thread=\"w3.\"} 0.03\n"));
  EXPECT_THAT(text, Not(HasSubstr("thread=\"w2.\"")));
  EXPECT_THAT(text,
              HasSubstr("shardd_thread_busy_ratio{role=\"worker\",thread=\"other\"} 0.015\n"));
}

// Plan: report one event of each kind into a pipe; stalls and recoveries are told, as JSON.
TEST(ThreadReportTest, StallsAndRecoveriesAreTold) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ThreadRegistry threads(RealClock());
  {
    UrgentLog log(ends[1], LogFormat::kJson, threads);
    for (const ThreadEventKind kind : {ThreadEventKind::kStarted, ThreadEventKind::kStalled,
                                       ThreadEventKind::kRecovered, ThreadEventKind::kStopped}) {
      ThreadEvent event;
      event.kind = kind;
      event.time = absl::UnixEpoch();
      event.thread = ThreadId{5};
      event.name = "worker/s-0001";
      event.phase = ThreadPhase::kCommitting;
      event.phase_time = absl::Milliseconds(2100);
      ReportThreadEvent(event, log);
    }
  }
  close(ends[1]);
  std::string text(4096, 0);
  text.resize(static_cast<size_t>(read(ends[0], text.data(), text.size())));
  close(ends[0]);
  const std::string first = text.substr(0, text.find('\n'));
  const auto line = nlohmann::json::parse(first);
  EXPECT_EQ(line["level"], "warn");
  EXPECT_EQ(line["component"], "threads");
  EXPECT_EQ(line["event"], "stalled");
  EXPECT_EQ(line["thread"], "worker/s-0001");
  EXPECT_EQ(line["phase"], "committing");
  EXPECT_EQ(line["cause"], "storage");
  EXPECT_EQ(line["phase_ms"], 2100);
  EXPECT_THAT(text, Not(HasSubstr("started")));
  EXPECT_THAT(text, Not(HasSubstr("stopped")));
}

}  // namespace
}  // namespace shardd
