#include "server/config/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shardd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Plan: read variables of ours, of others and with slips; ours are taken, slips are named, others
// are passed over in silence.
TEST(EnvironmentTest, TakesOursAndNamesSlips) {
  const Environment environment = ReadEnvironment({
      {"PATH", "/bin"},
      {"SHARDD_LOG__LEVEL", "debug"},
      {"SHARDD_SERVER__HTTP_LISTEN", ""},
      {"SHARDD_SERVER__LISTN", "x"},
      {"shardd_log__level", "x"},
      {"SHARDCTL_ENDPOINTS", "x"},
  });
  ASSERT_EQ(environment.given.size(), 2u);
  EXPECT_EQ(environment.given[0].option, FindOption("log.level"));
  EXPECT_EQ(environment.given[0].text, "debug");
  EXPECT_EQ(environment.given[0].where, "variable SHARDD_LOG__LEVEL");
  EXPECT_EQ(environment.given[1].option, FindOption("server.http_listen"));
  EXPECT_EQ(environment.given[1].text, "");
  EXPECT_THAT(environment.warnings,
              ElementsAre("unknown variable SHARDD_SERVER__LISTN has no effect; the nearest is "
                          "SHARDD_SERVER__LISTEN"));
}

// Plan: give what Kubernetes and our scripts set; nothing is taken and nothing is said.
TEST(EnvironmentTest, IsSilentAboutWhatOthersSet) {
  const Environment environment = ReadEnvironment({
      {"SHARDD_PORT", "tcp://10.0.0.1:7400"},
      {"SHARDD_PORT_7400_TCP_ADDR", "10.0.0.1"},
      {"SHARDD_SERVICE_HOST", "10.0.0.1"},
      {"SHARDD_SERVICE_PORT_GRPC", "7400"},
      {"SHARDD_HOME", "/x"},
      {"SHARDD_CACHE", "/y"},
  });
  EXPECT_THAT(environment.given, IsEmpty());
  EXPECT_THAT(environment.warnings, IsEmpty());
}

// Plan: no option may have a variable that belongs to somebody else.
TEST(EnvironmentTest, NoOptionHasAVariableOfOthers) {
  for (const Option& option : Options()) {
    EXPECT_EQ(ReadEnvironment({{VariableOf(option), "x"}}).given.size(), 1u) << option.key;
    EXPECT_THAT(VariableOf(option),
                ::testing::Not(::testing::MatchesRegex("SHARDD_(PORT|SERVICE_).*")));
  }
}

}  // namespace
}  // namespace shardd
