#include "client/shardctl/completion.h"

#include <functional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "client/shardctl/command.h"

namespace shardd::shardctl {
namespace {

// Calls `visit` for a command and all below it, with the words that lead to it: "account list".
void Walk(const CLI::App& app, const std::string& path,
          const std::function<void(const CLI::App&, const std::string&)>& visit) {
  visit(app, path);
  for (const CLI::App* child : VisibleCommands(app)) {
    Walk(*child, absl::StrCat(path, path.empty() ? "" : " ", child->get_name()), visit);
  }
}

std::vector<std::string> LongOptions(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back(absl::StrCat("--", name));
  }
  return names;
}

// What may come next at a place: commands, its options and the global ones.
std::vector<std::string> WordsAt(const CLI::App& app, const CLI::App& root) {
  std::vector<std::string> words;
  for (const CLI::App* child : VisibleCommands(app)) words.push_back(child->get_name());
  for (const std::string& option : LongOptions(app)) words.push_back(option);
  if (&app == &root) return words;
  for (const std::string& option : LongOptions(root)) {
    if (option != "--help" && option != "--version") words.push_back(option);
  }
  return words;
}

// The function that finds the words; bash, and zsh through its bash emulation, run the same. Its
// variables must not be called `path` or the like, which are special in zsh.
std::string BashFunction(const CLI::App& root) {
  std::string script =
      "_shardctl() {\n"
      "  local word place=\"\" current=\"${COMP_WORDS[COMP_CWORD]}\"\n"
      "  local i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    word=\"${COMP_WORDS[i]}\"\n"
      "    case \"$place $word\" in\n";
  std::string words;
  Walk(root, "", [&](const CLI::App& app, const std::string& path) {
    const std::string list = absl::StrJoin(WordsAt(app, root), " ");
    if (!path.empty()) {
      const size_t space = path.rfind(' ');
      const std::string parent = space == std::string::npos ? "" : path.substr(0, space);
      absl::StrAppend(&script, "      \"", parent, " ", app.get_name(), "\") place=\"", path,
                      "\" ;;\n");
    }
    absl::StrAppend(&words, "    \"", path, "\") COMPREPLY=($(compgen -W \"", list,
                    "\" -- \"$current\")) ;;\n");
  });
  absl::StrAppend(&script, "    esac\n  done\n  case \"$place\" in\n", words, "  esac\n}\n");
  return script;
}

// For a single-quoted string of fish.
std::string FishQuoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

void AppendFishOptions(const CLI::App& app, const std::string& condition, std::string& script) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty()) continue;
    absl::StrAppend(&script, "complete -c shardctl", condition, " -l ",
                    option->get_lnames().front());
    if (!option->get_snames().empty()) {
      absl::StrAppend(&script, " -s ", option->get_snames().front());
    }
    if (option->get_expected_min() > 0) absl::StrAppend(&script, " -x");
    absl::StrAppend(&script, " -d ", FishQuoted(option->get_description()), "\n");
  }
}

}  // namespace

std::string BashCompletion(const CLI::App& root) {
  return absl::StrCat("# bash completion for shardctl\n", BashFunction(root),
                      "complete -o default -F _shardctl shardctl\n");
}

std::string ZshCompletion(const CLI::App& root) {
  // Found in fpath, the script is loaded when the first word is to be completed, and must complete
  // it too.
  return absl::StrCat("#compdef shardctl\n", "autoload -U +X bashcompinit && bashcompinit\n",
                      BashFunction(root), "complete -o default -F _shardctl shardctl\n",
                      "if [[ ${funcstack[1]} = _shardctl ]]; then\n",
                      "  _bash_complete -o default -F _shardctl\nfi\n");
}

std::string FishCompletion(const CLI::App& root) {
  std::string script = "# fish completion for shardctl\ncomplete -c shardctl -f\n";
  Walk(root, "", [&](const CLI::App& app, const std::string& path) {
    std::vector<std::string> names;
    for (const CLI::App* child : VisibleCommands(app)) names.push_back(child->get_name());
    std::string condition = " -n __fish_use_subcommand";
    if (!path.empty()) {
      condition = absl::StrCat(
          " -n '__fish_seen_subcommand_from ",
          absl::StrReplaceAll(path, {{" ", "; and __fish_seen_subcommand_from "}}),
          names.empty()
              ? ""
              : absl::StrCat("; and not __fish_seen_subcommand_from ", absl::StrJoin(names, " ")),
          "'");
    }
    for (const CLI::App* child : VisibleCommands(app)) {
      absl::StrAppend(&script, "complete -c shardctl", condition, " -a ", child->get_name(), " -d ",
                      FishQuoted(child->get_description()), "\n");
    }
    AppendFishOptions(app, path.empty() ? "" : condition, script);
  });
  return script;
}

}  // namespace shardd::shardctl
