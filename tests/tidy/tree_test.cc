// Plan: read every text file of the source tree and hold it against all rules.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "tests/tidy/rules.h"
#include "tests/tidy/source_text.h"

namespace shardd::tidy {
namespace {

namespace fs = std::filesystem;

// Build trees, data folders and what other tools keep beside the sources.
bool IsNoSource(const fs::path& folder) {
  const std::string name = folder.filename().string();
  return name == "build" || name == "node_modules" || (name.starts_with('.') && name != ".ci");
}

std::string Read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

bool IsText(std::string_view bytes) { return bytes.find('\0') == std::string_view::npos; }

std::vector<SourceFile> ReadTree(const fs::path& root) {
  std::vector<SourceFile> tree;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator();
       ++it) {
    if (it->is_directory() && IsNoSource(it->path())) it.disable_recursion_pending();
    if (!it->is_regular_file()) continue;
    std::string text = Read(it->path());
    if (!IsText(text)) continue;
    tree.push_back({.path = fs::relative(it->path(), root).generic_string(), .text = text});
  }
  std::sort(tree.begin(), tree.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return tree;
}

// Plan: a tree without the checker's own sources was not read at all.
TEST(TreeTest, IsRead) {
  const std::vector<SourceFile> tree = ReadTree(SHARDD_SOURCE_DIR);
  EXPECT_TRUE(std::any_of(tree.begin(), tree.end(), [](const SourceFile& file) {
    return file.path == "tests/tidy/tree_test.cc";
  }));
}

// Plan: print every finding, so that one run shows all there is to mend.
TEST(TreeTest, KeepsTheRules) {
  for (const Finding& finding : CheckTree(ReadTree(SHARDD_SOURCE_DIR))) {
    ADD_FAILURE() << finding;
  }
}

}  // namespace
}  // namespace shardd::tidy
