// Plan: a table of pairs of versions whose order was taken from dpkg --compare-versions, and one of
// texts that are no versions.
#include "client/shardctl/debian_version.h"

#include <gtest/gtest.h>

namespace shardd::shardctl {
namespace {

int Sign(int number) { return (number > 0) - (number < 0); }

struct Order {
  const char* a;
  // '<', '=' or '>'.
  char sign;
  const char* b;
};

TEST(DebianVersionTest, OrdersAsDpkgDoes) {
  const Order orders[] = {
      {"1.0", '<', "1.1"},
      {"1.0", '=', "1.0"},
      {"1.10", '>', "1.9"},
      {"1.0-1", '<', "1.0-2"},
      {"1.0-1", '<', "1.0-1.1"},
      {"1.0-10", '>', "1.0-9"},
      {"1.0", '<', "1.0-1"},
      {"1.0", '=', "1.0-0"},
      {"1.0-0", '=', "1.0-00"},
      {"1:0.1", '>', "9.9"},
      {"0:1.0", '=', "1.0"},
      {"2:1.0", '>', "1:9.0"},
      {"1.0~rc1", '<', "1.0"},
      {"1.0~rc1", '<', "1.0~rc2"},
      {"1.0~~", '<', "1.0~"},
      {"1.0~~a", '<', "1.0~"},
      {"1.0~", '<', "1.0"},
      {"1.0-1~deb12u1", '<', "1.0-1"},
      {"1.0-1~bpo11+1", '<', "1.0-1"},
      {"1.0+dfsg", '>', "1.0"},
      {"1.0+b1", '>', "1.0"},
      {"1.0a", '<', "1.0b"},
      {"1.0a", '>', "1.0"},
      {"1.0a", '<', "1.0+"},
      {"1.0Z", '<', "1.0a"},
      {"1.0.", '>', "1.0"},
      {"001", '=', "1"},
      {"1.002", '=', "1.2"},
      {"1.0-1-1", '>', "1.0-1"},
      {"1:1-1", '>', "1-1"},
      {"20230311", '>', "9.9.9"},
      {"99999999999999999999", '>', "99999999999999999998"},
      {"1.0a1", '<', "1.0a10"},
      {"1.2.3", '<', "1.2.3.0"},
      {"1.2+git20200101", '>', "1.2~git20200101"},
      {"7.6p2-4", '>', "7.6-0"},
      {"1.0.3-3", '>', "1.0-1"},
      {"1.1.0+cvs20060620-1+2.6.15-8", '<', "1.1.0+cvs20060620-2+2.6.15-8"},
  };
  for (const Order& order : orders) {
    const auto a = DebianVersion::Parse(order.a);
    const auto b = DebianVersion::Parse(order.b);
    ASSERT_TRUE(a.ok() && b.ok()) << order.a << " " << order.b;
    const int expected = order.sign == '<' ? -1 : order.sign == '>' ? 1 : 0;
    EXPECT_EQ(Sign(a->Compare(*b)), expected) << order.a << " " << order.sign << " " << order.b;
    EXPECT_EQ(Sign(b->Compare(*a)), -expected) << order.b << " against " << order.a;
  }
}

TEST(DebianVersionTest, RefusesWhatIsNoVersion) {
  for (const char* text : {"", ":1.0", "a:1.0", "-1:1.0", "1:", "1.0-", "-1", "1 0", "1.0_1",
                           "1.0-1_2", "1.0-a:b", "99999999999:1", "1.0\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(DebianVersion::Parse(text).status())) << text;
  }
}

}  // namespace
}  // namespace shardd::shardctl
