#include "server/daemon/version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "storage/format.h"

namespace shardd {
namespace {

// Plan: both forms name everything, and scripts can parse theirs.
TEST(VersionTest, NamesWhatItWasMadeFrom) {
  const auto parsed = nlohmann::json::parse(ToJson(ThisVersion()));
  EXPECT_THAT(parsed["version"].get<std::string>(),
              ::testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_EQ(parsed["data_format"], storage::kFormatVersion);
  for (const char* key : {"commit", "compiler", "grpc", "rocksdb", "api"}) {
    ASSERT_TRUE(parsed[key].is_string()) << key;
    EXPECT_FALSE(parsed[key].get<std::string>().empty()) << key;
    EXPECT_THAT(ToTable(ThisVersion()), ::testing::HasSubstr(parsed[key].get<std::string>()));
  }
}

}  // namespace
}  // namespace shardd
