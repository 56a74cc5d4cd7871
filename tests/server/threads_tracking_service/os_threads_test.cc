// Plan: read what the operating system tells of threads: as text, of one that runs, of none, and of
// one that ends between the opening of its file and the reading.
#include "server/threads_tracking_service/os_threads.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/threads_tracking_service/thread_clock.h"

namespace shardd {
namespace {

TEST(OsThreadsTest, ReadsWhatTheSystemTells) {
  const auto thread = ParseOsThread(
      "Name:\trocksdb:low\nUmask:\t0022\nState:\tD (disk sleep)\nTgid:\t100\nPid:\t105\n"
      "SigPnd:\t0000000000000002\nSigBlk:\t0000000400000001\n",
      "1500000000 20 30\n");
  ASSERT_TRUE(thread.has_value());
  EXPECT_EQ(thread->id, 105);
  EXPECT_EQ(thread->name, "rocksdb:low");
  EXPECT_EQ(thread->state, 'D');
  EXPECT_EQ(thread->signals_blocked, 0x400000001u);
  EXPECT_EQ(thread->signals_pending, 2u);
  EXPECT_EQ(thread->cpu_time, absl::Milliseconds(1500));
  for (const char* bad : {"", "Name:\tx\n", "Pid:\tx\n", "Pid:\n", ":\n"}) {
    EXPECT_FALSE(ParseOsThread(bad, "").has_value()) << bad;
  }
  EXPECT_EQ(ParseOsThread("Pid:\t5\n", "")->cpu_time, absl::ZeroDuration());
}

TEST(OsThreadsTest, ListsThisThread) {
  const std::vector<OsThread> threads = ListOsThreads();
  const auto self = std::find_if(threads.begin(), threads.end(),
                                 [](const OsThread& t) { return t.id == OsThreadId(); });
  ASSERT_NE(self, threads.end());
  EXPECT_EQ(self->state, 'R');
  EXPECT_TRUE(FindOsThread(OsThreadId()).has_value());
  EXPECT_FALSE(FindOsThread(0x7fffffff).has_value());
}

TEST(OsThreadsTest, OneThatEndsBeforeItsFileIsReadIsNotFound) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    pause();
    _exit(0);
  }
  const std::string folder = absl::StrCat("/proc/", child, "/task/", child, "/");
  std::ifstream status(folder + "status");
  std::ifstream schedstat(folder + "schedstat");
  ASSERT_TRUE(status.is_open());
  ASSERT_EQ(kill(child, SIGKILL), 0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);

  EXPECT_FALSE(ParseOsThread(ReadTaskFile(status), ReadTaskFile(schedstat)).has_value());
}

}  // namespace
}  // namespace shardd
