// Plan: count what is done, refused and read; look at one request in sixteen on average, whatever
// comes in which order, and forget evenly when more is looked at than there is room for.

#include "server/runtime/shard_load.h"

#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/load_balancing_service/limits.h"

namespace shardd {
namespace {

using Items = std::vector<std::vector<ShardRequest>>;

ShardRequest For(uint64_t account) {
  ShardRequest request;
  request.body = ApplyRequest{.account = {"shop", absl::StrCat(account)}};
  return request;
}

TEST(ShardLoadMeterTest, CountsWhatWasDoneRefusedAndRead) {
  ShardLoadMeter meter(1);
  meter.Add({.operations = 3,
             .busy = absl::Milliseconds(2),
             .mailbox_wait = absl::Milliseconds(5),
             .bytes = 100});
  meter.Add({.operations = 1, .busy = absl::Milliseconds(1), .mailbox_wait = {}, .bytes = 10});
  meter.AddRefused(4);
  meter.AddRead({"shop", "cart"}, 10);
  meter.SetStored(77);
  const ShardLoadMeter::Reading reading = meter.Read();
  EXPECT_EQ(reading.operations, 8 + limits::kRequestsPerSample);
  EXPECT_EQ(reading.busy, absl::Milliseconds(3));
  EXPECT_EQ(reading.mailbox_wait, absl::Milliseconds(5));
  EXPECT_EQ(reading.bytes, 110 + 10 * limits::kRequestsPerSample);
  EXPECT_EQ(meter.stored(), 77u);
  ASSERT_EQ(meter.TakeSamples().size(), 1u);
  EXPECT_TRUE(meter.TakeSamples().empty());
}

// Plan: 16000 requests of 10 accounts in turn, as items of 10 and of 1: each account is looked at
// about as often as the others, which a fixed step would not do.
TEST(ShardLoadMeterTest, LooksAtOneInSixteenOfAllAlike) {
  for (const size_t length : {size_t{1}, size_t{10}, size_t{32}}) {
    ShardLoadMeter meter(7);
    uint64_t next = 0;
    std::map<std::string, size_t> seen;
    size_t all = 0;
    while (next < 16'000) {
      Items items(1);
      for (size_t i = 0; i < length; ++i) items[0].push_back(For(next++ % 10));
      meter.LookAt(items);
      for (const ShardLoadMeter::Sample& sample : meter.TakeSamples()) {
        EXPECT_EQ(sample.key, sample.account.routing_key());
        ++seen[sample.account.id];
        ++all;
      }
    }
    EXPECT_NEAR(static_cast<double>(all), 1000, 100) << length;
    EXPECT_EQ(seen.size(), 10u);
    for (const auto& [account, count] : seen) {
      EXPECT_NEAR(static_cast<double>(count), 100, 40) << account << " of " << length;
    }
  }
}

// Plan: ten times as many as there is room for, by rising number: what is left is spread over all.
TEST(ShardLoadMeterTest, ForgetsEvenly) {
  ShardLoadMeter meter(1);
  const uint64_t reads = 10 * limits::kMeterSamplesMax;
  for (uint64_t i = 0; i < reads; ++i) meter.AddRead({"", absl::StrCat(i)}, 0);
  const std::vector<ShardLoadMeter::Sample> samples = meter.TakeSamples();
  EXPECT_LT(samples.size(), limits::kMeterSamplesMax);
  EXPECT_GE(samples.size(), limits::kMeterSamplesMax / 2);
  std::vector<size_t> by_tenth(10);
  for (const ShardLoadMeter::Sample& sample : samples) {
    uint64_t number = 0;
    ASSERT_TRUE(absl::SimpleAtoi(sample.account.id, &number));
    ++by_tenth[number * 10 / reads];
  }
  for (const size_t count : by_tenth) {
    EXPECT_NEAR(static_cast<double>(count), static_cast<double>(samples.size()) / 10, 20);
  }
}

TEST(ShardLoadMeterTest, WhatTheCoordinatorAsksIsNobodysLoad) {
  ShardLoadMeter meter(1);
  Items items(1);
  for (int i = 0; i < 1000; ++i) items[0].emplace_back().body = PurgeNamespace{};
  meter.LookAt(items);
  EXPECT_TRUE(meter.TakeSamples().empty());
}

TEST(ShardLoadMeterTest, OneReadInSixteenIsMeasuredOnEachThread) {
  for (int i = 0; i < 2; ++i) {
    std::thread([] {
      int measured = 0;
      for (int read = 0; read < 16'000; ++read) measured += IsReadMeasured() ? 1 : 0;
      EXPECT_NEAR(measured, 1000, 100);
    }).join();
  }
}

}  // namespace
}  // namespace shardd
