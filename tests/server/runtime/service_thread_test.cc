// Plan: let threads die of an exception and of a failed check; the process must die with them, and
// say which it was.
#include "server/runtime/service_thread.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <exception>
#include <string>

#include "server/base/check.h"

namespace shardd {
namespace {

std::string NameOfThisThread() {
  char name[16] = {};
  pthread_getname_np(pthread_self(), name, sizeof(name));
  return name;
}

TEST(ServiceThreadTest, HasItsNameFromTheBeginning) {
  std::string name;
  ServiceThread thread("a-name-that-is-too-long", [&name] { name = NameOfThisThread(); });
  thread.Join();
  EXPECT_EQ(name, "a-name-that-is-");
  thread.Join();
}

TEST(ServiceThreadDeathTest, AnExceptionEndsTheProcessAndNamesTheThread) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH(ServiceThread("w/s-0007", [] { static_cast<void>(std::string().at(1)); }),
               "thread w/s-0007 died of an uncaught exception: std::out_of_range: .*at");
  struct Unknown {};
  EXPECT_DEATH(
      ServiceThread("w/s-0008", [] { std::rethrow_exception(std::make_exception_ptr(Unknown())); }),
      "thread w/s-0008 died of an uncaught exception of an unknown type");
}

TEST(ServiceThreadDeathTest, AFailedCheckEndsTheProcessAndNamesTheThread) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH(ServiceThread("w/s-0009", [] { SHARDD_CHECK(1 + 1 == 3); }),
               "service_thread_test.cc:[0-9]+: check failed: 1 \\+ 1 == 3 \\(thread w/s-0009\\)");
}

}  // namespace
}  // namespace shardd
