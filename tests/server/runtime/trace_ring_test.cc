// Plan: fill a small ring by number and by bytes; the newest stay, and one that never fits does not
// drive the others out.

#include "server/runtime/trace_ring.h"

#include "gtest/gtest.h"

namespace shardd {
namespace {

std::string AllOf(const TraceRing& ring) {
  std::string all;
  for (const TraceRing::Frame& frame : ring.frames()) all += *frame;
  return all;
}

TEST(TraceRingTest, KeepsTheNewestRounds) {
  TraceRing ring(3, 100);
  for (const char* frame : {"1", "2", "3", "4"}) ring.Add(frame);
  EXPECT_EQ(AllOf(ring), "234");
}

TEST(TraceRingTest, KeepsAsManyBytesAsItMay) {
  TraceRing ring(100, 6);
  for (const char* frame : {"aa", "bb", "cc"}) ring.Add(frame);
  EXPECT_EQ(AllOf(ring), "aabbcc");
  ring.Add("d");
  EXPECT_EQ(AllOf(ring), "bbccd");
  ring.Add("1234567");
  EXPECT_EQ(AllOf(ring), "bbccd");
  ring.Add("123456");
  EXPECT_EQ(AllOf(ring), "123456");
}

}  // namespace
}  // namespace shardd
