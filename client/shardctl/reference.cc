#include "client/shardctl/reference.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "client/shardctl/command.h"

namespace shardd::shardctl {
namespace {

constexpr char kExitCodes[] =
    "## Exit codes\n\n"
    "| code | meaning |\n|---|---|\n"
    "| 0 | done |\n"
    "| 1 | failed in a way that is none of the others |\n"
    "| 2 | the command line, or what it names, is malformed |\n"
    "| 3 | the daemon could not be reached, or did not answer in time |\n"
    "| 4 | not found |\n"
    "| 5 | it exists already, or a precondition does not hold |\n"
    "| 6 | not allowed |\n"
    "| 7 | the daemon answers and says that it is not well |\n"
    "| 130 | interrupted |\n";

constexpr char kOutput[] =
    "## Output\n\n"
    "Data goes to standard output, everything else to standard error. `-o json` prints one "
    "document "
    "with `schema_version`, `kind` and, for a list, `items`; `-o jsonl` one object a line. Fields "
    "are "
    "only ever added. Numbers from 2^53 on are strings. Times are RFC 3339. Keys and values that "
    "are "
    "not UTF-8 are null, with their bytes in a second field that ends in `_hex`. `-o name` prints "
    "the "
    "first column alone. Colour and cut columns appear on terminals only.\n\n";

std::string EscapeCell(const std::string& text) {
  return absl::StrReplaceAll(text, {{"|", "\\|"}, {"<", "&lt;"}});
}

std::string OptionName(const CLI::Option& option) {
  if (option.get_positional()) return option.get_name(true);
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back(absl::StrCat("-", name));
  for (const std::string& name : option.get_lnames()) names.push_back(absl::StrCat("--", name));
  std::string text = absl::StrJoin(names, ", ");
  if (option.get_expected_min() > 0) absl::StrAppend(&text, " ", option.get_type_name());
  return text;
}

std::string OptionTable(const CLI::App& app) {
  std::string rows;
  for (const CLI::Option* option : app.get_options()) {
    if (option->check_lname("help")) continue;
    absl::StrAppend(&rows, "| `", EscapeCell(OptionName(*option)), "` | ",
                    EscapeCell(option->get_description()),
                    option->get_required() ? " Required." : "", " |\n");
  }
  if (rows.empty()) return "";
  return absl::StrCat("| option | meaning |\n|---|---|\n", rows, "\n");
}

std::string Usage(const CLI::App& app, const std::string& path) {
  std::string usage = path;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_positional()) continue;
    const std::string name =
        absl::StrCat(option->get_name(true), option->get_expected_max() > 1 ? "..." : "");
    absl::StrAppend(
        &usage, option->get_required() ? absl::StrCat(" ", name) : absl::StrCat(" [", name, "]"));
  }
  return usage;
}

// The examples are the indented lines of the footer.
std::string Examples(const CLI::App& app) {
  std::string examples;
  for (const absl::string_view line : absl::StrSplit(app.get_footer(), '\n')) {
    if (line.substr(0, 2) == "  ") absl::StrAppend(&examples, line.substr(2), "\n");
  }
  return absl::StrCat("```\n", examples, "```\n\n");
}

void AppendCommand(const CLI::App& app, const std::string& path, std::string& out) {
  const std::vector<const CLI::App*> children = VisibleCommands(app);
  if (children.empty()) {
    absl::StrAppend(&out, "### ", path, "\n\n", app.get_description(), "\n\n`", Usage(app, path),
                    "`\n\n", OptionTable(app), Examples(app));
    return;
  }
  for (const CLI::App* child : children) {
    AppendCommand(*child, absl::StrCat(path, " ", child->get_name()), out);
  }
}

}  // namespace

std::string MarkdownReference(const CLI::App& root) {
  std::string out =
      absl::StrCat("# shardctl\n\n", root.get_description(),
                   "\n\nThis page is made by `shardctl docs`.\n\n## Options of all commands\n\n",
                   OptionTable(root), kOutput, kExitCodes, "\n## Commands\n\n");
  AppendCommand(root, "shardctl", out);
  while (out.size() > 1 && out.compare(out.size() - 2, 2, "\n\n") == 0) out.pop_back();
  return out;
}

}  // namespace shardd::shardctl
