// Plan: what was added is found by its receiver and number, and by nothing else; the oldest make
// room at the bound; what was taken is gone.

#include "server/cross_thread_messaging/fresh_messages.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace shardd {
namespace {

constexpr size_t kPayloadBytes = 1000;
constexpr RoutingKey kKey{1, 2};

Message To(const std::string& id, size_t bytes = kPayloadBytes) {
  Message message;
  message.receiver = {"shop", id};
  message.payload = std::string(bytes, 'p');
  return message;
}

TEST(FreshMessagesTest, IsFoundByReceiverAndNumber) {
  FreshMessages fresh(size_t{1} << 20);
  fresh.Add(kKey, 7, To("a"));
  EXPECT_EQ(fresh.Find({"shop", "a"}, kKey, 8), nullptr);
  EXPECT_EQ(fresh.Find({"shop", "a"}, {1, 3}, 7), nullptr);
  const Message* const found = fresh.Find({"shop", "a"}, kKey, 7);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(*found, To("a"));
  EXPECT_EQ(fresh.Take(kKey, 7), To("a"));
  EXPECT_EQ(fresh.Find({"shop", "a"}, kKey, 7), nullptr);
  EXPECT_EQ(fresh.bytes(), 0u);
}

TEST(FreshMessagesTest, AnAccountWithTheSameKeyIsNotMistaken) {
  FreshMessages fresh(size_t{1} << 20);
  fresh.Add(kKey, 7, To("a"));
  fresh.Add(kKey, 7, To("b"));
  EXPECT_EQ(fresh.Find({"shop", "b"}, kKey, 7), nullptr);
  EXPECT_NE(fresh.Find({"shop", "a"}, kKey, 7), nullptr);
}

TEST(FreshMessagesTest, TheOldestMakeRoom) {
  constexpr size_t kBytesMax = 10 * kPayloadBytes;
  FreshMessages fresh(kBytesMax);
  for (uint64_t number = 0; number < 100; ++number) {
    fresh.Add(kKey, number, To("a"));
    EXPECT_LE(fresh.bytes(), kBytesMax);
    EXPECT_NE(fresh.Find({"shop", "a"}, kKey, number), nullptr);
  }
  EXPECT_EQ(fresh.Find({"shop", "a"}, kKey, 89), nullptr);
  EXPECT_NE(fresh.Find({"shop", "a"}, kKey, 95), nullptr);
  fresh.Forget(kKey, 98);
  EXPECT_EQ(fresh.Find({"shop", "a"}, kKey, 98), nullptr);
  fresh.Forget(kKey, 98);
  // One that is larger than all the room moves nobody.
  fresh.Add(kKey, 100, To("a", kBytesMax));
  EXPECT_EQ(fresh.Find({"shop", "a"}, kKey, 100), nullptr);
  EXPECT_NE(fresh.Find({"shop", "a"}, kKey, 99), nullptr);
  fresh.Clear();
  EXPECT_EQ(fresh.Find({"shop", "a"}, kKey, 99), nullptr);
  EXPECT_EQ(fresh.bytes(), 0u);
}

}  // namespace
}  // namespace shardd
