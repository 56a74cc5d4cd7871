// Plan: replace a value under one reader in every order, then under many at once; what is pinned
// must live, and what is not must be gone as soon as the last reader is.

#include "storage/pinned_value.h"

#include <memory>
#include <thread>

#include "gtest/gtest.h"

namespace shardd::storage {
namespace {

// Counts the living, and spoils its number when it dies.
class Counted {
 public:
  Counted(int number, std::atomic<int>& living) : number_(number), living_(living) { ++living_; }
  ~Counted() {
    number_ = -1;
    --living_;
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  int number() const { return number_; }

 private:
  int number_;
  std::atomic<int>& living_;
};

class PinnedValueTest : public testing::Test {
 protected:
  using Value = std::shared_ptr<const Counted>;
  using Pinned = PinnedValue<Value>;

  Value Make(int number) { return std::make_shared<const Counted>(number, living_); }

  std::atomic<int> living_ = 0;
};

TEST_F(PinnedValueTest, ReplacedIsGoneAtOnceWithoutReaders) {
  Pinned pinned(Make(1));
  EXPECT_FALSE(pinned.pinned());
  for (int i = 2; i < 100; ++i) {
    pinned.Replace(Make(i));
    EXPECT_EQ(living_, 1);
    EXPECT_EQ((*Pinned::Pin(pinned))->number(), i);
  }
  EXPECT_FALSE(pinned.pinned());
}

TEST_F(PinnedValueTest, EachPinKeepsItsOwn) {
  Pinned pinned(Make(1));
  auto first = std::make_unique<Pinned::Pin>(pinned);
  auto again = std::make_unique<Pinned::Pin>(pinned);
  EXPECT_TRUE(first->is_newest());
  pinned.Replace(Make(2));
  auto second = std::make_unique<Pinned::Pin>(pinned);
  pinned.Replace(Make(3));
  EXPECT_FALSE(first->is_newest());
  EXPECT_EQ((**first)->number(), 1);
  EXPECT_EQ((**second)->number(), 2);
  EXPECT_TRUE(pinned.pinned());
  EXPECT_EQ(living_, 3);
  first.reset();
  EXPECT_EQ(living_, 3) << "read twice";
  // The last reader may leave on another thread.
  std::thread([&again] { again.reset(); }).join();
  EXPECT_EQ(living_, 2);
  second.reset();
  EXPECT_EQ(living_, 1);
  EXPECT_FALSE(pinned.pinned());
}

TEST_F(PinnedValueTest, ManyReadersWhileItIsReplaced) {
  constexpr int kReplacements = 400'000;
  Pinned pinned(Make(0));
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int r = 0; r < 4; ++r) {
    readers.emplace_back([&pinned, &done, r] {
      int last = 0;
      std::unique_ptr<Pinned::Pin> held;
      for (int turn = 0; !done; ++turn) {
        const Pinned::Pin pin(pinned);
        const int number = (*pin)->number();
        ASSERT_GE(number, last) << "dead, or older than before";
        last = number;
        if (r > 0 || turn % 64 != 0) continue;
        ASSERT_TRUE(held == nullptr || (**held)->number() >= 0);
        held = std::make_unique<Pinned::Pin>(pinned);
      }
    });
  }
  for (int i = 1; i <= kReplacements; ++i) pinned.Replace(Make(i));
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(living_, 1);
  EXPECT_FALSE(pinned.pinned());
  EXPECT_EQ((*Pinned::Pin(pinned))->number(), kReplacements);
}

}  // namespace
}  // namespace shardd::storage
