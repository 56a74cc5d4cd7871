// Plan: fill the queue by count and by bytes to the last unit, wake and close its consumer, and let
// several threads push at once; order and bounds must hold throughout.

#include "server/base/bounded_queue.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"

namespace shardd {
namespace {

using Queue = BoundedQueue<std::string>;
using Result = Queue::PushResult;

constexpr absl::Time kNever = absl::InfiniteFuture();
constexpr absl::Time kAtOnce = absl::InfinitePast();

Result Push(Queue& queue, std::string item, size_t items, size_t bytes) {
  return queue.Push(std::move(item), items, bytes);
}

TEST(BoundedQueueTest, HandsOutEverythingInOrder) {
  FakeClock clock;
  Queue queue({10, 100});
  for (const char* item : {"a", "b", "c"}) EXPECT_EQ(Push(queue, item, 1, 1), Result::kAccepted);
  EXPECT_EQ(queue.depth(), 3u);
  std::vector<std::string> out;
  EXPECT_TRUE(queue.PopAll(out, kNever, clock));
  EXPECT_EQ(out, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(queue.depth(), 0u);
}

TEST(BoundedQueueTest, FullByCount) {
  FakeClock clock;
  Queue queue({3, 100});
  EXPECT_EQ(Push(queue, "a", 2, 1), Result::kAccepted);
  EXPECT_EQ(Push(queue, "b", 2, 1), Result::kFull);
  EXPECT_EQ(Push(queue, "c", 1, 1), Result::kAccepted);
  EXPECT_EQ(Push(queue, "d", 1, 1), Result::kFull);
  std::vector<std::string> out;
  EXPECT_TRUE(queue.PopAll(out, kNever, clock));
  EXPECT_EQ(out.size(), 2u);
  EXPECT_EQ(Push(queue, "e", 3, 1), Result::kAccepted);
}

TEST(BoundedQueueTest, FullByBytes) {
  FakeClock clock;
  Queue queue({100, 10});
  EXPECT_EQ(Push(queue, "too large by itself", 1, 11), Result::kFull);
  EXPECT_EQ(Push(queue, "a", 1, 4), Result::kAccepted);
  EXPECT_EQ(Push(queue, "b", 1, 7), Result::kFull);
  EXPECT_EQ(Push(queue, "c", 1, 6), Result::kAccepted);
  EXPECT_EQ(Push(queue, "d", 1, 1), Result::kFull);
  std::vector<std::string> out;
  EXPECT_TRUE(queue.PopAll(out, kNever, clock));
  EXPECT_EQ(Push(queue, "e", 1, 10), Result::kAccepted);
}

// Plan: what must never be refused has no weight, and fits even a full queue.
TEST(BoundedQueueTest, WeightlessItemsFitAFullQueue) {
  Queue queue({1, 1});
  EXPECT_EQ(Push(queue, "a", 1, 1), Result::kAccepted);
  EXPECT_EQ(Push(queue, "b", 0, 0), Result::kAccepted);
  EXPECT_EQ(queue.depth(), 1u);
}

TEST(BoundedQueueTest, ARefusedItemIsLeftAsItWas) {
  BoundedQueue<std::unique_ptr<int>> queue({1, 1});
  auto item = std::make_unique<int>(7);
  EXPECT_EQ(queue.Push(std::move(item), 2, 0), decltype(queue)::PushResult::kFull);
  ASSERT_NE(item, nullptr);
  queue.Close();
  EXPECT_EQ(queue.Push(std::move(item), 1, 0), decltype(queue)::PushResult::kClosed);
  ASSERT_NE(item, nullptr);
  EXPECT_EQ(*item, 7);
}

TEST(BoundedQueueTest, ClosedStillHandsOutWhatWaits) {
  FakeClock clock;
  Queue queue({10, 10});
  EXPECT_EQ(Push(queue, "a", 1, 1), Result::kAccepted);
  queue.Close();
  EXPECT_EQ(Push(queue, "b", 1, 1), Result::kClosed);
  EXPECT_EQ(Push(queue, "b", 0, 0), Result::kClosed);
  std::vector<std::string> out;
  EXPECT_TRUE(queue.PopAll(out, kNever, clock));
  EXPECT_EQ(out.size(), 1u);
  out.clear();
  EXPECT_FALSE(queue.PopAll(out, kNever, clock));
  EXPECT_TRUE(out.empty());
}

TEST(BoundedQueueTest, ReturnsWhenTheTimeIsUp) {
  FakeClock clock;
  Queue queue({10, 10});
  std::vector<std::string> out;
  EXPECT_TRUE(queue.PopAll(out, kAtOnce, clock));
  EXPECT_TRUE(queue.PopAll(out, clock.Now(), clock));
  EXPECT_TRUE(out.empty());
}

// Plan: a wake before the wait counts once, and only once.
TEST(BoundedQueueTest, WakeBeforeTheWaitIsNotLost) {
  FakeClock clock;
  Queue queue({10, 10});
  queue.Wake();
  std::vector<std::string> out;
  EXPECT_TRUE(queue.PopAll(out, kNever, clock));
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(Push(queue, "a", 1, 1), Result::kAccepted);
  EXPECT_TRUE(queue.PopAll(out, kNever, clock));
  EXPECT_EQ(out.size(), 1u);
}

TEST(BoundedQueueTest, WakePushAndCloseEndAWait) {
  FakeClock clock;
  Queue queue({10, 10});
  for (const auto& end : {std::function<void()>([&] { queue.Wake(); }),
                          std::function<void()>([&] { Push(queue, "a", 1, 1); }),
                          std::function<void()>([&] { queue.Close(); })}) {
    bool more = true;
    std::thread consumer([&] {
      std::vector<std::string> out;
      more = queue.PopAll(out, kNever, clock);
    });
    end();
    consumer.join();
    EXPECT_TRUE(more || Push(queue, "b", 1, 1) == Result::kClosed);
  }
}

// Plan: four producers into a queue of eight, each tries again when it is full; the consumer sees
// each producer's items in its order, and never more than fit.
TEST(BoundedQueueTest, ManyProducersKeepTheirOrder) {
  constexpr int kProducers = 4;
  constexpr int kItems = 2000;
  FakeClock clock;
  BoundedQueue<std::pair<int, int>> queue({8, 8});
  std::vector<std::thread> producers;
  for (int producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([&queue, producer] {
      for (int i = 0; i < kItems; ++i) {
        while (queue.Push({producer, i}, 1, 1) != decltype(queue)::PushResult::kAccepted) {
          std::this_thread::yield();
        }
      }
    });
  }
  std::map<int, int> next;
  std::vector<std::pair<int, int>> out;
  for (int received = 0; received < kProducers * kItems; out.clear()) {
    ASSERT_TRUE(queue.PopAll(out, kNever, clock));
    ASSERT_LE(out.size(), 8u);
    for (const auto& [producer, number] : out) ASSERT_EQ(number, next[producer]++);
    received += static_cast<int>(out.size());
  }
  for (std::thread& producer : producers) producer.join();
}

}  // namespace
}  // namespace shardd
