#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "server/config/command_line.h"
#include "server/config/options.h"

namespace shardd {
namespace {

constexpr size_t kHelpColumns = 80;
constexpr size_t kHelpIndent = 6;

constexpr absl::string_view kHelpHead =
    R"(shardd keeps millions of small, durable, stateful accounts behind gRPC.

  shardd --dev                             try it; data is gone when it stops
  shardd --data ./data                     serve on 127.0.0.1:7400
  shardd -c /etc/shardd/shardd.toml        serve as a file says
  shardd validate -c shardd.toml           check a file; 78 if it is wrong
  shardd config --effective -c shardd.toml what is in force, and from where
  shardd version                           versions of it and its formats

A value comes from a flag, else from a variable SHARDD_SECTION__NAME, else from
the file, else it is the default. A file has the same keys:

  [server]
  listen = "127.0.0.1:7400"

Flags:
  -c, --config FILE
      Read this TOML file.
  --dev
      Serve from a temporary folder that is removed at the end: 8 shards, no
      wait when stopping.
  -o, --output table|json
      How config and version print.
  -h, --help, --version
)";

constexpr absl::string_view kHelpTail = R"(
SIGTERM and SIGINT finish what was accepted, then stop; a second one skips the
waits, not the sync. SIGHUP is ignored.

Exit codes: 0 stopped as asked, 1 other, 64 wrong usage, 71 a write failed in
an open data folder, 74 the data folder cannot be read or written, is damaged or
newer, or its disk is full, 75 port or data folder in use, 78 wrong
configuration.
)";

constexpr absl::string_view kReferenceHead = R"(# Configuration reference

This page is made from the option table: `shardd config --reference`.

A value comes from a flag, else from a variable, else from the file given with `--config`, else it is the default.
A key that does not exist is an error in a file and on the command line, and a warning in the environment. A variable
that is set but empty counts as set. Sizes are a number of bytes or end in KiB, MiB, GiB or TiB; durations end in ms,
s, m or h and are strings in a file.
)";

std::string Wrapped(absl::string_view text, size_t indent) {
  std::string out;
  size_t column = 0;
  for (absl::string_view word : absl::StrSplit(text, ' ')) {
    if (column > 0 && column + 1 + word.size() > kHelpColumns) {
      out.push_back('\n');
      column = 0;
    }
    absl::StrAppend(&out, column == 0 ? std::string(indent, ' ') : " ", word);
    column += (column == 0 ? indent : 1) + word.size();
  }
  return out.append("\n");
}

}  // namespace

std::string HelpText() {
  std::string out(kHelpHead);
  for (const Option& option : Options()) {
    absl::StrAppend(&out, "  ", option.alias, option.alias.empty() ? "" : ", ", "--", option.key,
                    std::holds_alternative<FlagKind>(option.kind) ? "[=BOOLEAN]" : "=VALUE", " (",
                    option.default_text, ")\n", Wrapped(option.help, kHelpIndent));
  }
  return out.append(kHelpTail.data(), kHelpTail.size());
}

std::string ReferencePage() {
  std::string out(kReferenceHead);
  std::string section;
  for (const Option& option : Options()) {
    const std::vector<std::string> parts = absl::StrSplit(option.key, '.');
    if (parts[0] != section) {
      section = parts[0];
      absl::StrAppend(&out, "\n## [", section, "]\n");
    }
    absl::StrAppend(&out, "\n### ", option.key, "\n\n", option.help, "\n\n");
    absl::StrAppend(&out, "- default `", option.default_text, "`; ", AllowedBy(option), "\n");
    absl::StrAppend(&out, "- flag `--", option.key, "`");
    if (!option.alias.empty()) absl::StrAppend(&out, " or `", option.alias, "`");
    absl::StrAppend(&out, ", variable `", VariableOf(option), "`\n");
  }
  return out;
}

}  // namespace shardd
