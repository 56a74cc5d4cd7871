#include "client/shardctl/command.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace shardd::shardctl {
namespace {

const std::map<std::string, Format>& FormatNames() {
  static const auto* const names = new std::map<std::string, Format>{
      {"table", Format::kTable}, {"wide", Format::kWide}, {"json", Format::kJson},
      {"jsonl", Format::kJsonl}, {"csv", Format::kCsv},   {"name", Format::kName}};
  return *names;
}

const std::map<std::string, ColorWish>& ColorNames() {
  static const auto* const names = new std::map<std::string, ColorWish>{
      {"auto", ColorWish::kAuto}, {"always", ColorWish::kAlways}, {"never", ColorWish::kNever}};
  return *names;
}

std::string CheckDuration(const std::string& text) {
  absl::Duration duration;
  if (absl::ParseDuration(text, &duration) && duration > absl::ZeroDuration()) return "";
  return absl::StrCat("\"", text, "\" is not a time span such as 500ms, 5s or 1m30s");
}

// A check for one of the names of a map.
template <typename Value>
CLI::Validator OneOf(const std::map<std::string, Value>& names) {
  std::vector<std::string> list;
  for (const auto& [name, value] : names) list.push_back(name);
  return CLI::Validator(
      [&names, list](std::string& text) {
        if (names.count(text) > 0) return std::string();
        return absl::StrCat("\"", text, "\" is none of ", absl::StrJoin(list, ", "));
      },
      "");
}

}  // namespace

absl::StatusOr<client::Client*> Invocation::Daemon() {
  if (client_ != nullptr) return client_.get();
  client::ClientOptions client_options;
  client_options.connection.endpoints = options.endpoints;
  client_options.timeout = options.timeout;
  auto client = client::Client::Create(client_options, clock);
  if (!client.ok()) return client.status();
  client_ = *std::move(client);
  return client_.get();
}

RowsOptions Invocation::rows_options() const {
  constexpr size_t kCellWidthMin = 16;
  RowsOptions rows;
  rows.format = options.format;
  rows.color = !machine_readable() && UseColor(terminal, options.color, terminal.out_is_tty);
  if (terminal.out_is_tty && options.format == Format::kTable) {
    rows.cell_width_max = std::max(terminal.width / 2, kCellWidthMin);
  }
  return rows;
}

void Invocation::Note(const std::string& line) { terminal.err << line << "\n" << std::flush; }

absl::Status Invocation::Confirm(const std::string& question) {
  if (options.yes) return absl::OkStatus();
  if (!terminal.in_is_tty || !terminal.err_is_tty) {
    return absl::InvalidArgumentError("this needs --yes, since there is no terminal to ask on");
  }
  terminal.err << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(terminal.in, answer);
  absl::AsciiStrToLower(&answer);
  if (answer == "y" || answer == "yes") return absl::OkStatus();
  return absl::CancelledError("nothing was changed");
}

CommandTree::CommandTree()
    : root_("shardctl: the operator's client of shardd, which keeps small durable accounts.",
            "shardctl") {
  root_.require_subcommand(1);
  root_.get_formatter()->column_width(34);
  root_.set_help_flag("-h,--help", "Show help for the command and exit.");
  root_.set_version_flag("--version", std::string(SHARDD_VERSION), "Show the version and exit.");
  root_.footer("\nshardctl COMMAND --help tells more about a command.");
  AddGlobalOptions();
  AddStatusCommands(*this);
  AddTopCommand(*this);
  AddNamespaceCommands(*this);
  AddAccountCommands(*this);
  AddStateCommands(*this);
  AddShardCommands(*this);
  AddRouteCommands(*this);
  AddThreadCommands(*this);
  AddMessageCommands(*this);
  AddUndeliverableCommands(*this);
  AddOperationCommands(*this);
  AddBalancerCommands(*this);
  AddConfigCommands(*this);
  AddWatchCommand(*this);
  AddImportCommand(*this);
  AddExportCommand(*this);
  AddBenchCommand(*this);
  AddCompletionCommands(*this);
}

void CommandTree::AddGlobalOptions() {
  root_
      .add_option(
          "-e,--endpoints", options_.endpoints,
          "Addresses of the daemon, tried in turn: host:port or unix:/path (default "
          "127.0.0.1:7400; env SHARDCTL_ENDPOINTS). All of one and the same daemon: a write "
          "that is tried again goes to the next, and each daemon would make it.")
      ->type_name("HOST:PORT[,...]")
      ->delimiter(',')
      ->expected(1)
      ->allow_extra_args(false);
  root_
      .add_option_function<std::string>(
          "-o,--output",
          [this](const std::string& name) { options_.format = FormatNames().at(name); },
          "Output format: table, wide, json, jsonl, csv or name (default table; env "
          "SHARDCTL_OUTPUT).")
      ->type_name("FORMAT")
      ->check(OneOf(FormatNames()));
  AddDuration(&root_, "--timeout", &options_.timeout,
              "How long a call may take (default 5s; env SHARDCTL_TIMEOUT).");
  root_
      .add_option_function<std::string>(
          "--color", [this](const std::string& name) { options_.color = ColorNames().at(name); },
          "Colour: auto, always or never (default auto: on a terminal; NO_COLOR, FORCE_COLOR and "
          "TERM=dumb count).")
      ->type_name("WHEN")
      ->check(OneOf(ColorNames()));
  root_.add_flag("-y,--yes", options_.yes, "Do not ask before deleting or merging.");
}

CLI::App* CommandTree::Group(const std::string& name, const std::string& description) {
  CLI::App* group = root_.add_subcommand(name, description);
  group->require_subcommand(1);
  group->fallthrough();
  return group;
}

CLI::App* CommandTree::Add(CLI::App* group, const std::string& name, const std::string& description,
                           const std::vector<std::string>& examples, Handler handler) {
  CLI::App* command = (group != nullptr ? group : &root_)->add_subcommand(name, description);
  command->fallthrough();
  command->footer(absl::StrCat("\nExamples:\n  ", absl::StrJoin(examples, "\n  "),
                               "\n\nshardctl --help shows the options that all commands take."));
  command->callback([this, handler = std::move(handler)] { selected_ = handler; });
  return command;
}

void CommandTree::Parse(const std::vector<std::string>& args, const Terminal& terminal) {
  std::vector<std::string> reversed(args.rbegin(), args.rend());
  root_.parse(reversed);
  ReadEnvironment(terminal);
}

void CommandTree::ReadEnvironment(const Terminal& terminal) {
  const auto value = [&](const char* option, const char* name) -> std::optional<std::string> {
    if (root_.get_option(option)->count() > 0) return std::nullopt;
    std::optional<std::string> text = terminal.environment(name);
    if (text.has_value() && text->empty()) return std::nullopt;
    return text;
  };
  const auto require = [](bool good, const char* name, const std::string& text) {
    if (!good) throw CLI::ValidationError(name, absl::StrCat("\"", text, "\" is not allowed"));
  };
  if (const auto text = value("--endpoints", "SHARDCTL_ENDPOINTS")) {
    options_.endpoints = absl::StrSplit(*text, ',');
  }
  if (const auto text = value("--output", "SHARDCTL_OUTPUT")) {
    require(FormatNames().count(*text) > 0, "SHARDCTL_OUTPUT", *text);
    options_.format = FormatNames().at(*text);
  }
  if (const auto text = value("--timeout", "SHARDCTL_TIMEOUT")) {
    require(CheckDuration(*text).empty(), "SHARDCTL_TIMEOUT", *text);
    absl::ParseDuration(*text, &options_.timeout);
  }
}

CLI::Option* AddDuration(CLI::App* app, const std::string& name, absl::Duration* target,
                         const std::string& description) {
  return app
      ->add_option_function<std::string>(
          name, [target](const std::string& text) { absl::ParseDuration(text, target); },
          description)
      ->type_name("DURATION")
      ->check(CLI::Validator([](std::string& text) { return CheckDuration(text); }, ""));
}

CLI::Option* AddNamespace(CLI::App* app, std::string* target) {
  return app
      ->add_option("-n,--namespace", *target,
                   "The namespace (default none: an account's id is its own namespace).")
      ->type_name("NAMESPACE");
}

CLI::Option* AddRequestId(CLI::App* app, std::string* target) {
  return app
      ->add_option("--request-id", *target,
                   "Makes a repeat of this command harmless: use the same id again (default "
                   "random).")
      ->type_name("ID");
}

std::vector<const CLI::App*> VisibleCommands(const CLI::App& command) {
  std::vector<const CLI::App*> visible;
  for (const CLI::App* child : command.get_subcommands(nullptr)) {
    // CLI11 hides what has no group.
    if (!child->get_group().empty()) visible.push_back(child);
  }
  return visible;
}

}  // namespace shardd::shardctl
