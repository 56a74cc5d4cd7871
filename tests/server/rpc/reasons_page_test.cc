// Plan: the committed page is what the contract says now, and what the contract says is what the
// code does; a comment that says otherwise is found.

#include "server/rpc/reasons_page.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/match.h"

namespace shardd::rpc {
namespace {

std::string ReadSource(const std::string& path) {
  std::ifstream file(SHARDD_SOURCE_DIR "/" + path);
  EXPECT_TRUE(file.good()) << path;
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

TEST(ReasonsPageTest, CommittedPageIsCurrent) {
  const absl::StatusOr<std::string> page =
      ReasonsPage(ReadSource("proto/shardd/v1/error_reason.proto"));
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(*page, ReadSource("server/ERROR_REASONS.md"))
      << "run error_reasons_doc proto/shardd/v1/error_reason.proto > server/ERROR_REASONS.md";
}

TEST(ReasonsPageTest, RowHasCodeEffectAndMeaning) {
  const absl::StatusOr<std::string> page = ReasonsPage(
      "enum ErrorReason {\n"
      "  // Not sent.\n"
      "  ERROR_REASON_UNSPECIFIED = 0;\n"
      "\n"
      "  // The disk is full:\n"
      "  // come back. RESOURCE_EXHAUSTED, not applied.\n"
      "  ERROR_REASON_DISK_FULL = 64;\n"
      "}\n");
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_TRUE(absl::EndsWith(
      *page,
      "|---|---|---|---|\n"
      "| `DISK_FULL` | `RESOURCE_EXHAUSTED` | no | The disk is full: come back. |\n"))
      << *page;
}

TEST(ReasonsPageTest, CommentThatDisagreesWithTheCodeIsFound) {
  for (const char* comment : {"No code.", "Wrong code. ABORTED, not applied.",
                              "Wrong effect. RESOURCE_EXHAUSTED, unknown."}) {
    const absl::StatusOr<std::string> page =
        ReasonsPage(std::string("  // ") + comment + "\n  ERROR_REASON_DISK_FULL = 64;\n");
    EXPECT_FALSE(page.ok()) << comment;
    EXPECT_TRUE(absl::StrContains(page.status().message(), "DISK_FULL")) << page.status();
  }
}

}  // namespace
}  // namespace shardd::rpc
