#include "client/shardctl/app.h"

#include <algorithm>
#include <exception>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/error.h"
#include "client/shardctl/suggest.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

// What to try; empty if the message says it all.
std::string HintFor(const client::ErrorDetail& detail) {
  const auto fact = [&detail](const std::string& key, const std::string& otherwise) {
    const auto found = detail.metadata.find(key);
    return found == detail.metadata.end() ? otherwise : Printable(found->second);
  };
  switch (detail.reason) {
    case v1::ERROR_REASON_NAMESPACE_NOT_FOUND:
      return "shardctl namespace create NAME";
    case v1::ERROR_REASON_NAMESPACE_NOT_EMPTY:
      return "shardctl namespace delete NAME --delete-accounts";
    case v1::ERROR_REASON_ACCOUNT_NOT_FOUND:
      return "shardctl account list --namespace NAMESPACE";
    case v1::ERROR_REASON_ACCOUNT_FROZEN:
      return "shardctl account update ID --state active";
    case v1::ERROR_REASON_SHARD_NOT_FOUND:
      if (detail.metadata.count("merged_into") == 0) return "shardctl shard list";
      return absl::StrCat("shardctl shard get ", fact("merged_into", ""));
    case v1::ERROR_REASON_NOT_NEIGHBOURS:
    case v1::ERROR_REASON_HOME_NOT_FOUND:
      return "shardctl shard list";
    case v1::ERROR_REASON_SHARD_BUSY:
      return absl::StrCat("shardctl operation wait ", fact("operation", "OPERATION"));
    case v1::ERROR_REASON_SHARD_PINNED:
      return "shardctl shard unpin SHARD";
    case v1::ERROR_REASON_STALE_EPOCH:
    case v1::ERROR_REASON_EPOCH_COMPACTED:
      return "shardctl route map";
    case v1::ERROR_REASON_THREAD_NOT_FOUND:
      return "shardctl thread list";
    case v1::ERROR_REASON_OPERATION_NOT_FOUND:
      return "shardctl operation list";
    case v1::ERROR_REASON_MESSAGE_LEASE_ENDED:
      return "shardctl message receive ID";
    case v1::ERROR_REASON_UNDELIVERABLE_NOT_FOUND:
      return "shardctl undeliverable list";
    case v1::ERROR_REASON_REVISION_COMPACTED:
      return "shardctl state scan ID, then watch from its revision";
    case v1::ERROR_REASON_DISK_FULL:
    case v1::ERROR_REASON_STORAGE_FAILED:
    case v1::ERROR_REASON_DRAINING:
      return "shardctl status";
    default:
      return "";
  }
}

std::string SecondLine(const absl::Status& status, const GlobalOptions& options) {
  const client::ErrorDetail detail = client::DetailOf(status);
  std::vector<std::string> parts;
  if (!detail.reason_name.empty()) {
    parts.push_back(absl::StrCat("reason ", Printable(detail.reason_name)));
    if (detail.effect == v1::EFFECT_UNKNOWN) parts.push_back("effect unknown");
  }
  const auto oldest = detail.metadata.find("oldest_revision");
  const std::string hint = HintFor(detail);
  if (oldest != detail.metadata.end()) {
    parts.push_back(absl::StrCat("try: --from-revision ", Printable(oldest->second)));
  } else if (!hint.empty()) {
    parts.push_back(absl::StrCat("try: ", hint));
  }
  if (detail.reason_name.empty() &&
      (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status))) {
    parts.push_back(absl::StrCat("endpoint ", absl::StrJoin(options.endpoints, ",")));
    parts.push_back("try: is shardd running there? See -e and --timeout");
  }
  return absl::StrJoin(parts, "   ");
}

bool TakesValue(const CLI::App& app, const std::string& word) {
  for (const CLI::App* at = &app; at != nullptr; at = at->get_parent()) {
    const CLI::Option* option = at->get_option_no_throw(word);
    if (option != nullptr) return option->get_expected_min() > 0 && !absl::StrContains(word, "=");
  }
  return false;
}

// The command of this name below `app`, hidden or not; null if there is none.
const CLI::App* Child(const CLI::App& app, const std::string& name) {
  for (const CLI::App* child : app.get_subcommands(nullptr)) {
    if (child->get_name() == name) return child;
  }
  return nullptr;
}

std::vector<std::string> CommandNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* child : VisibleCommands(app)) names.push_back(child->get_name());
  return names;
}

std::vector<std::string> OptionNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* at = &app; at != nullptr; at = at->get_parent()) {
    for (const CLI::Option* option : at->get_options()) {
      for (const std::string& name : option->get_lnames())
        names.push_back(absl::StrCat("--", name));
    }
  }
  return names;
}

// The first word of a command line that means nothing at its place, and what it may have meant.
struct Mistyped {
  std::string word;
  std::optional<std::string> meant;
};

std::optional<Mistyped> FindMistyped(const std::vector<std::string>& args, const CLI::App& root) {
  const CLI::App* app = &root;
  for (size_t i = 0; i < args.size() && args[i] != "--"; ++i) {
    const std::string& word = args[i];
    if (absl::StartsWith(word, "--")) {
      const std::vector<std::string> names = OptionNames(*app);
      const std::string name = word.substr(0, word.find('='));
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        return Mistyped{name, Nearest(name, names)};
      }
    }
    if (absl::StartsWith(word, "-")) {
      if (TakesValue(*app, word)) ++i;
      continue;
    }
    if (VisibleCommands(*app).empty()) continue;
    const CLI::App* child = Child(*app, word);
    if (child == nullptr) return Mistyped{word, Nearest(word, CommandNames(*app))};
    app = child;
  }
  return std::nullopt;
}

ExitCode ReportUsage(const CLI::ParseError& error, const std::vector<std::string>& args,
                     CommandTree& tree, Terminal& terminal) {
  std::string message = error.what();
  std::string hint = "shardctl --help";
  const bool unknown_word = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr ||
                            dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  const std::optional<Mistyped> mistyped =
      unknown_word ? FindMistyped(args, tree.root()) : std::nullopt;
  if (mistyped.has_value()) {
    message =
        absl::StrCat("there is no ", absl::StartsWith(mistyped->word, "-") ? "option " : "command ",
                     Printable(mistyped->word));
    if (mistyped->meant.has_value()) {
      absl::StrAppend(&message, "; did you mean ", *mistyped->meant, "?");
    }
  }
  terminal.err << "error: " << message << "\n  try: " << hint << "\n";
  return kUsage;
}

}  // namespace

void PrintError(const absl::Status& status, const GlobalOptions& options, Terminal& terminal) {
  const bool color = UseColor(terminal, options.color, terminal.err_is_tty);
  std::string message = status.message().empty() ? absl::StatusCodeToString(status.code())
                                                 : std::string(status.message());
  if (absl::IsUnavailable(status) && client::DetailOf(status).reason_name.empty()) {
    message = absl::StrCat("the daemon cannot be reached: ", message);
  }
  if (absl::IsDeadlineExceeded(status) && client::DetailOf(status).reason_name.empty()) {
    message = "the daemon did not answer in time";
  }
  terminal.err << Paint("error:", Tone::kBad, color) << " " << Printable(message) << "\n";
  for (const client::FieldViolation& violation : client::DetailOf(status).violations) {
    if (absl::StrContains(message, violation.description)) continue;
    terminal.err << "  field " << Printable(violation.field) << ": "
                 << Printable(violation.description) << "\n";
  }
  const std::string second = SecondLine(status, options);
  if (!second.empty()) terminal.err << "  " << second << "\n";
  terminal.err.flush();
}

ExitCode RunShardctl(const std::vector<std::string>& args, Terminal& terminal, Interrupt& interrupt,
                     client::Clock& clock) {
  CommandTree tree;
  try {
    tree.Parse(args, terminal);
  } catch (const CLI::CallForVersion&) {
    terminal.out << "shardctl " << SHARDD_VERSION << "\n";
    return kOk;
  } catch (const CLI::CallForHelp&) {
    terminal.out << tree.root().help();
    return kOk;
  } catch (const CLI::ParseError& error) {
    return ReportUsage(error, args, tree, terminal);
  } catch (const std::exception& error) {
    // The parser's own conversions may throw more than they promise.
    terminal.err << "error: " << error.what() << "\n";
    return kUsage;
  }
  Invocation invocation(terminal, interrupt, clock, tree.options());
  const absl::StatusOr<ExitCode> result = tree.selected()(invocation);
  terminal.out.flush();
  if (!result.ok()) {
    if (absl::IsCancelled(result.status()) && interrupt.requested()) return kInterrupted;
    PrintError(result.status(), tree.options(), terminal);
    return ExitCodeFor(result.status());
  }
  if (!terminal.out) {
    terminal.err << "error: standard output could not be written\n";
    return kFailed;
  }
  return *result;
}

}  // namespace shardd::shardctl
