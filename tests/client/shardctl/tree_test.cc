// Plan: walk the tree of commands; each must have help, an example that parses, a place in the
// reference and in every completion script.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/shardctl/command.h"
#include "client/shardctl/completion.h"
#include "client/shardctl/reference.h"
#include "tests/client/shardctl/shardctl_run.h"

namespace shardd::shardctl {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// Every command that does something, with the words that lead to it.
std::vector<std::pair<std::string, const CLI::App*>> Leaves(const CLI::App& app,
                                                            const std::string& path = "shardctl") {
  std::vector<std::pair<std::string, const CLI::App*>> leaves;
  for (const CLI::App* child : app.get_subcommands(nullptr)) {
    const std::string below = absl::StrCat(path, " ", child->get_name());
    auto more = Leaves(*child, below);
    if (more.empty()) more.emplace_back(below, child);
    leaves.insert(leaves.end(), more.begin(), more.end());
  }
  return leaves;
}

std::vector<std::string> Examples(const CLI::App& app) {
  std::vector<std::string> examples;
  for (const absl::string_view line : absl::StrSplit(app.get_footer(), '\n')) {
    if (line.substr(0, 2) == "  ") examples.emplace_back(line.substr(2));
  }
  return examples;
}

TEST(TreeTest, EveryCommandHasADescriptionAndAnExampleThatParses) {
  const CommandTree tree;
  for (const auto& [path, app] : Leaves(tree.root())) {
    EXPECT_NE(app->get_description(), "") << path;
    const std::vector<std::string> examples = Examples(*app);
    EXPECT_FALSE(examples.empty()) << path;
    for (std::string example : examples) {
      // What is not shardctl's own belongs to the shell.
      if (example.rfind("source <(", 0) == 0) example = example.substr(9, example.size() - 10);
      example = example.substr(0, example.find(" > "));
      EXPECT_THAT(example, StartsWith(path));
      const std::vector<std::string> words = absl::StrSplit(example, ' ');
      CommandTree fresh;
      std::istringstream in;
      std::ostringstream out;
      const Terminal terminal{in, out, out};
      EXPECT_NO_THROW(fresh.Parse({words.begin() + 1, words.end()}, terminal)) << example;
      EXPECT_TRUE(fresh.selected() != nullptr) << example;
    }
  }
}

TEST(TreeTest, EveryOptionIsDescribed) {
  const CommandTree tree;
  for (const auto& [path, app] : Leaves(tree.root())) {
    for (const CLI::Option* option : app->get_options()) {
      EXPECT_NE(option->get_description(), "") << path << " " << option->get_name();
    }
  }
}

TEST(TreeTest, TheReferenceHoldsEveryCommand) {
  const CommandTree tree;
  const std::string reference = MarkdownReference(tree.root());
  EXPECT_THAT(reference, StartsWith("# shardctl\n"));
  EXPECT_THAT(reference, HasSubstr("## Exit codes"));
  for (const auto& [path, app] : Leaves(tree.root())) {
    if (path == "shardctl docs") continue;
    EXPECT_THAT(reference, HasSubstr(absl::StrCat("\n### ", path, "\n")));
  }
}

TEST(TreeTest, TheCommittedReferenceIsCurrent) {
  std::ifstream file(SHARDCTL_REFERENCE_PAGE);
  ASSERT_TRUE(file.good());
  const std::string committed(std::istreambuf_iterator<char>(file), {});
  EXPECT_EQ(committed, MarkdownReference(CommandTree().root()))
      << "write it anew: shardctl docs > client/shardctl/REFERENCE.md";
}

TEST(TreeTest, TheCompletionsHoldEveryCommand) {
  const CommandTree tree;
  const std::string bash = BashCompletion(tree.root());
  const std::string zsh = ZshCompletion(tree.root());
  const std::string fish = FishCompletion(tree.root());
  EXPECT_THAT(zsh, StartsWith("#compdef shardctl\n"));
  for (const auto& [path, app] : Leaves(tree.root())) {
    if (path == "shardctl docs") continue;
    const std::string words = path.substr(sizeof("shardctl"));
    EXPECT_THAT(bash, HasSubstr(absl::StrCat("\"", words, "\") COMPREPLY="))) << path;
    EXPECT_THAT(zsh, HasSubstr(absl::StrCat("\"", words, "\") COMPREPLY="))) << path;
    EXPECT_THAT(fish, HasSubstr(absl::StrCat(" -a ", app->get_name(), " "))) << path;
  }
}

TEST(TreeTest, HelpAndVersionAreAnswers) {
  Shardctl ctl;
  EXPECT_THAT(ctl.Run({"--version"}).out, StartsWith("shardctl "));
  const Ran help = ctl.Run({"account", "list", "--help"});
  EXPECT_EQ(help.exit_code, kOk);
  EXPECT_THAT(help.out, HasSubstr("Usage: shardctl account list"));
  EXPECT_THAT(help.out, HasSubstr("Examples:\n  shardctl account list"));
  EXPECT_THAT(ctl.Run({"docs"}).out, StartsWith("# shardctl\n"));
  for (const char* shell : {"bash", "zsh", "fish"}) {
    EXPECT_NE(ctl.Run({"completion", shell}).out, "") << shell;
  }
}

TEST(ExitCodeTest, FollowsTheCanonicalCode) {
  EXPECT_EQ(ExitCodeFor(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeFor(absl::InternalError("")), 1);
  EXPECT_EQ(ExitCodeFor(absl::ResourceExhaustedError("")), 1);
  EXPECT_EQ(ExitCodeFor(absl::InvalidArgumentError("")), 2);
  EXPECT_EQ(ExitCodeFor(absl::UnavailableError("")), 3);
  EXPECT_EQ(ExitCodeFor(absl::DeadlineExceededError("")), 3);
  EXPECT_EQ(ExitCodeFor(absl::NotFoundError("")), 4);
  EXPECT_EQ(ExitCodeFor(absl::AlreadyExistsError("")), 5);
  EXPECT_EQ(ExitCodeFor(absl::FailedPreconditionError("")), 5);
  EXPECT_EQ(ExitCodeFor(absl::AbortedError("")), 5);
  EXPECT_EQ(ExitCodeFor(absl::PermissionDeniedError("")), 6);
  EXPECT_EQ(ExitCodeFor(absl::UnauthenticatedError("")), 6);
  EXPECT_EQ(ExitCodeFor(absl::CancelledError("")), 130);
}

}  // namespace
}  // namespace shardd::shardctl
