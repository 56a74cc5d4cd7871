// Plan: publish while several threads read, and read several values of one type on one thread.

#include "server/runtime/published.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace shardd {
namespace {

TEST(PublishedTest, ShowsTheNewestValue) {
  Published<int> published;
  EXPECT_EQ(published.Read(), nullptr);
  published.Publish(std::make_shared<const int>(1));
  EXPECT_EQ(*published.Read(), 1);
  published.Publish(std::make_shared<const int>(2));
  EXPECT_EQ(*published.Read(), 2);
}

// Plan: all values of a type share one place per thread; they must never be taken for each other.
TEST(PublishedTest, ValuesOfOneTypeStayApart) {
  Published<int> a;
  a.Publish(std::make_shared<const int>(1));
  EXPECT_EQ(*a.Read(), 1);
  Published<int> b;
  EXPECT_EQ(b.Read(), nullptr);
  b.Publish(std::make_shared<const int>(2));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(*a.Read(), 1);
    EXPECT_EQ(*b.Read(), 2);
  }
  {
    Published<int> c;
    c.Publish(std::make_shared<const int>(3));
    EXPECT_EQ(*c.Read(), 3);
  }
  Published<int> d;  // perhaps where c was
  EXPECT_EQ(d.Read(), nullptr);
}

TEST(PublishedTest, ReadersSeeValuesInOrder) {
  constexpr int kLast = 2000;
  Published<int> published;
  published.Publish(std::make_shared<const int>(0));
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&published] {
      for (int seen = 0; seen < kLast;) {
        const int now = *published.Read();
        ASSERT_GE(now, seen);
        seen = now;
      }
    });
  }
  for (int i = 1; i <= kLast; ++i) published.Publish(std::make_shared<const int>(i));
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace shardd
