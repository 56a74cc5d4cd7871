#include "server/config/command_line.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/base/status_macros.h"
#include "server/config/nearest.h"

namespace shardd {
namespace {

// What --dev sets, as if these flags stood before all others.
constexpr std::pair<absl::string_view, absl::string_view> kDevValues[] = {{"shards.initial", "8"},
                                                                          {"drain.wait", "0s"}};

constexpr std::pair<absl::string_view, Command> kCommands[] = {
    {"serve", Command::kServe},       {"validate", Command::kValidate},
    {"config", Command::kShowConfig}, {"version", Command::kVersion},
    {"help", Command::kHelp},
};

// Flags that are no options. --effective is what `config` does anyway; scripts may say it.
constexpr absl::string_view kOwnFlags[] = {"--config", "--dev",       "--output", "--effective",
                                           "--help",   "--reference", "--version"};

const Option* FindByFlag(absl::string_view name) {
  for (const Option& option : Options()) {
    const bool by_key = absl::StartsWith(name, "--") && name.substr(2) == option.key;
    if (by_key || (!option.alias.empty() && name == option.alias)) return &option;
  }
  return nullptr;
}

std::vector<std::string> AllFlags() {
  std::vector<std::string> flags(std::begin(kOwnFlags), std::end(kOwnFlags));
  for (const Option& option : Options()) {
    if (!option.alias.empty()) flags.emplace_back(option.alias);
    flags.push_back(absl::StrCat("--", option.key));
  }
  return flags;
}

class Parser {
 public:
  explicit Parser(const std::vector<std::string>& arguments) : arguments_(arguments) {}

  absl::StatusOr<CommandLine> Parse() {
    while (next_ < arguments_.size()) {
      const std::string& argument = arguments_[next_++];
      if (absl::StartsWith(argument, "-")) {
        SHARDD_RETURN_IF_ERROR(TakeFlag(argument));
      } else {
        SHARDD_RETURN_IF_ERROR(TakeCommand(argument));
      }
    }
    return Finish();
  }

 private:
  absl::Status TakeCommand(const std::string& word) {
    if (command_given_) {
      return absl::InvalidArgumentError(absl::StrCat("unexpected argument \"", word, "\""));
    }
    std::vector<std::string> names;
    for (const auto& [name, command] : kCommands) {
      names.emplace_back(name);
      if (name != word) continue;
      result_.command = command;
      command_given_ = true;
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(absl::StrCat(
        "unknown command \"", word, "\"; the nearest is \"", Nearest(word, names), "\""));
  }

  absl::Status TakeFlag(const std::string& argument) {
    const std::vector<std::string> parts = absl::StrSplit(argument, absl::MaxSplits('=', 1));
    std::optional<std::string> value;
    if (parts.size() == 2) value = parts[1];
    if (const Option* option = FindByFlag(parts[0])) return TakeOption(*option, parts[0], value);
    return TakeOwnFlag(parts[0], value);
  }

  absl::Status TakeOption(const Option& option, const std::string& flag,
                          std::optional<std::string> value) {
    if (!value.has_value() && std::holds_alternative<FlagKind>(option.kind)) value = "true";
    SHARDD_ASSIGN_OR_RETURN(std::string text, ValueOf(flag, std::move(value)));
    result_.given.push_back({&option, std::move(text), Origin::kFlag, absl::StrCat("flag ", flag)});
    return absl::OkStatus();
  }

  absl::Status TakeOwnFlag(const std::string& flag, std::optional<std::string> value) {
    if (flag == "-c" || flag == "--config") {
      SHARDD_ASSIGN_OR_RETURN(result_.config_path, ValueOf(flag, std::move(value)));
      return result_.config_path.empty() ? absl::InvalidArgumentError("--config is empty")
                                         : absl::OkStatus();
    }
    if (flag == "-o" || flag == "--output") {
      SHARDD_ASSIGN_OR_RETURN(const std::string output, ValueOf(flag, std::move(value)));
      return TakeOutput(output);
    }
    SHARDD_RETURN_IF_ERROR(TakeSwitch(flag));
    if (!value.has_value()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("flag ", flag, " takes no value"));
  }

  absl::Status TakeOutput(absl::string_view output) {
    if (output != "json" && output != "table") {
      return absl::InvalidArgumentError(
          absl::StrCat("--output is \"", output, "\"; it must be table or json"));
    }
    result_.json = output == "json";
    return absl::OkStatus();
  }

  absl::Status TakeSwitch(const std::string& flag) {
    if (flag == "--dev") {
      result_.dev = true;
    } else if (flag == "-h" || flag == "--help") {
      help_ = true;
    } else if (flag == "--version") {
      result_.command = Command::kVersion;
    } else if (flag == "--reference") {
      reference_ = true;
    } else if (flag == "--effective") {
      effective_ = true;
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown flag ", flag, "; the nearest is ", Nearest(flag, AllFlags())));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> ValueOf(const std::string& flag, std::optional<std::string> value) {
    if (value.has_value()) return *std::move(value);
    if (next_ < arguments_.size()) return arguments_[next_++];
    return absl::InvalidArgumentError(absl::StrCat("flag ", flag, " needs a value"));
  }

  absl::StatusOr<CommandLine> Finish() {
    if ((effective_ || reference_) && result_.command != Command::kShowConfig) {
      return absl::InvalidArgumentError(
          "--effective and --reference belong to the command \"config\"");
    }
    if (reference_) result_.command = Command::kReference;
    if (help_) result_.command = Command::kHelp;
    if (result_.dev) SHARDD_RETURN_IF_ERROR(AddDevValues());
    return std::move(result_);
  }

  absl::Status AddDevValues() {
    for (const GivenValue& value : result_.given) {
      if (value.option->key == "storage.data") {
        return absl::InvalidArgumentError(
            "--dev keeps its data in a folder of its own and removes it; leave out --data");
      }
    }
    std::vector<GivenValue> values;
    for (const auto& [key, text] : kDevValues) {
      values.push_back({FindOption(key), std::string(text), Origin::kFlag, "flag --dev"});
    }
    result_.given.insert(result_.given.begin(), values.begin(), values.end());
    return absl::OkStatus();
  }

  const std::vector<std::string>& arguments_;
  size_t next_ = 0;
  CommandLine result_;
  bool command_given_ = false;
  bool help_ = false;
  bool reference_ = false;
  bool effective_ = false;
};

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments) {
  return Parser(arguments).Parse();
}

}  // namespace shardd
