// Plan: append and read events up to and over what is kept.
#include "server/threads_tracking_service/thread_event_log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/base/error.h"
#include "server/threads_tracking_service/limits.h"

namespace shardd {
namespace {

ThreadEvent Event(ThreadEventKind kind, uint64_t thread) {
  ThreadEvent event;
  event.kind = kind;
  event.thread = ThreadId{thread};
  event.role = ThreadRole::kWorker;
  event.phase = ThreadPhase::kCommitting;
  return event;
}

void Append(ThreadEventLog& log, size_t count) {
  std::vector<ThreadEvent> events;
  for (size_t i = 0; i < count; ++i) events.push_back(Event(ThreadEventKind::kStarted, i));
  ASSERT_TRUE(log.TryAppend(events));
  EXPECT_TRUE(events.empty());
}

TEST(ThreadEventLogTest, NumbersEventsAndReadsThemInPages) {
  ThreadEventLog log;
  EXPECT_EQ(log.last_revision(), 0u);
  EXPECT_TRUE(log.From(1, 10)->events.empty());
  Append(log, 5);
  const auto first = log.From(1, 3);
  ASSERT_TRUE(first.ok());
  ASSERT_EQ(first->events.size(), 3u);
  EXPECT_EQ(first->events[0]->revision, 1u);
  EXPECT_EQ(first->events[2]->thread, ThreadId{2});
  EXPECT_EQ(first->last_revision, 5u);
  EXPECT_EQ(log.From(4, 3)->events.size(), 2u);
  EXPECT_TRUE(log.From(6, 3)->events.empty());
}

TEST(ThreadEventLogTest, WhatIsNoLongerKeptIsSaidSo) {
  ThreadEventLog log;
  Append(log, limits::kThreadEventsKept + 7);
  EXPECT_TRUE(log.From(8, 1).ok());
  for (const uint64_t start : {uint64_t{0}, uint64_t{1}, uint64_t{7}}) {
    const absl::Status compacted = log.From(start, 1).status();
    EXPECT_EQ(ReasonOf(compacted), Reason::kRevisionCompacted) << start;
    EXPECT_EQ(MetadataOf(compacted).at("oldest_revision"), "8");
  }
}

TEST(ThreadEventLogTest, ARevisionOfAnEarlierRunIsSaidSo) {
  ThreadEventLog log;
  Append(log, 3);
  EXPECT_TRUE(log.From(4, 1).ok());
  const absl::Status ahead = log.From(5, 1).status();
  EXPECT_EQ(ReasonOf(ahead), Reason::kRevisionCompacted);
  EXPECT_EQ(MetadataOf(ahead).at("oldest_revision"), "1");
}

TEST(ThreadEventLogTest, CountsStallsByRoleAndPhase) {
  ThreadEventLog log;
  std::vector<ThreadEvent> events = {Event(ThreadEventKind::kStalled, 1),
                                     Event(ThreadEventKind::kRecovered, 1),
                                     Event(ThreadEventKind::kStalled, 2)};
  ASSERT_TRUE(log.TryAppend(events));
  const ThreadEventLog::StallCounts expected = {
      {{ThreadRole::kWorker, ThreadPhase::kCommitting}, 2}};
  EXPECT_EQ(log.stalls(), expected);
}

TEST(ThreadEventTest, IsASentence) {
  ThreadEvent event = Event(ThreadEventKind::kStalled, 3);
  event.name = "worker/s-0003";
  event.operation = "apply";
  event.phase_time = absl::Milliseconds(2104);
  EXPECT_EQ(ToText(event),
            "thread worker/s-0003 has been committing during apply for 2.1s; storage has not "
            "answered");
  event.kind = ThreadEventKind::kRecovered;
  event.operation.clear();
  EXPECT_EQ(ToText(event), "thread worker/s-0003 goes on after 2.1s of committing");
  event.kind = ThreadEventKind::kStopped;
  EXPECT_EQ(ToText(event), "thread worker/s-0003 stopped");
}

}  // namespace
}  // namespace shardd
