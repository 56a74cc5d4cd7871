#include "server/daemon/temporary_folder.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

namespace shardd {
namespace {

// Plan: make two folders, fill one, drop both; they were different and are gone with all they held.
TEST(TemporaryFolderTest, IsGoneWithAllItHolds) {
  auto first = TemporaryFolder::Make();
  auto second = TemporaryFolder::Make();
  ASSERT_TRUE(first.ok() && second.ok());
  const std::string path = (*first)->path();
  EXPECT_NE(path, (*second)->path());
  std::filesystem::create_directory(path + "/sub");
  std::ofstream(path + "/sub/file") << "x";
  ASSERT_TRUE(std::filesystem::exists(path + "/sub/file"));
  first->reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace shardd
