#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "client/shardctl/exit_code.h"
#include "client/shardctl/interrupt.h"
#include "client/shardctl/rows.h"
#include "client/shardctl/terminal.h"

namespace shardd::shardctl {

// Options that every command takes. A flag beats the environment.
struct GlobalOptions {
  std::vector<std::string> endpoints = {"127.0.0.1:7400"};
  Format format = Format::kTable;
  absl::Duration timeout = absl::Seconds(5);
  ColorWish color = ColorWish::kAuto;
  bool yes = false;
};

// What a command runs with.
//
// Thread safety: none, except where the parts say so.
class Invocation {
 public:
  // All references must outlive the invocation.
  Invocation(Terminal& terminal_to_use, Interrupt& interrupt_to_use, client::Clock& clock_to_use,
             const GlobalOptions& options_to_use)
      : terminal(terminal_to_use),
        interrupt(interrupt_to_use),
        clock(clock_to_use),
        options(options_to_use) {}

  Terminal& terminal;
  Interrupt& interrupt;
  client::Clock& clock;
  const GlobalOptions& options;

  // The daemon. The first call makes the client; it connects when it is used.
  absl::StatusOr<client::Client*> Daemon();

  // How to write rows to standard output. Only on a terminal is text cut to fit.
  RowsOptions rows_options() const;

  // Whether the output is for programs: then nothing but data may go to standard output.
  bool machine_readable() const {
    return options.format != Format::kTable && options.format != Format::kWide;
  }

  RowWriter Rows(const std::string& kind, std::vector<Column> columns,
                 size_t name_column = 0) const {
    return RowWriter(terminal.out, rows_options(), kind, std::move(columns), name_column);
  }

  // A line on standard error.
  void Note(const std::string& line);

  // OK if the user agrees: by --yes, or by answering the question on a terminal.
  absl::Status Confirm(const std::string& question);

 private:
  std::unique_ptr<client::Client> client_;
};

using Handler = std::function<absl::StatusOr<ExitCode>(Invocation&)>;

// The commands, their options, and which one was asked for. Help, completion and the reference are
// made from it.
//
// Thread safety: none.
class CommandTree {
 public:
  // With all of shardctl's commands.
  CommandTree();

  // A word that has commands below it.
  CLI::App* Group(const std::string& name, const std::string& description);

  // A command. `examples` are whole command lines; each must parse. Under `group`, or at the top if
  // that is null.
  CLI::App* Add(CLI::App* group, const std::string& name, const std::string& description,
                const std::vector<std::string>& examples, Handler handler);

  // Reads a command line (without the program's name) and the environment. Throws CLI::ParseError.
  void Parse(const std::vector<std::string>& args, const Terminal& terminal);

  const Handler& selected() const { return selected_; }
  const GlobalOptions& options() const { return options_; }
  CLI::App& root() { return root_; }
  const CLI::App& root() const { return root_; }

 private:
  void AddGlobalOptions();
  void ReadEnvironment(const Terminal& terminal);

  CLI::App root_;
  GlobalOptions options_;
  Handler selected_;
};

// An option that holds a time span such as "500ms" or "1h30m"; `target` keeps its value otherwise.
CLI::Option* AddDuration(CLI::App* app, const std::string& name, absl::Duration* target,
                         const std::string& description);

// A name on the command line and what it stands for.
template <typename Value>
struct Choice {
  const char* name;
  Value value;
};

// An option that takes one of the names; `target` keeps its value otherwise. `choices` must outlive
// the tree.
template <typename Value, size_t kCount>
CLI::Option* AddChoice(CLI::App* app, const std::string& name, Value* target,
                       const Choice<Value> (&choices)[kCount], const std::string& description) {
  std::vector<std::string> names;
  for (const Choice<Value>& choice : choices) names.emplace_back(choice.name);
  const auto choose = [target, &choices](const std::string& given) {
    for (const Choice<Value>& choice : choices) {
      if (given == choice.name) *target = choice.value;
    }
  };
  return app->add_option_function<std::string>(name, choose, description)
      ->check(CLI::IsMember(names));
}

// The -n/--namespace option.
CLI::Option* AddNamespace(CLI::App* app, std::string* target);

// The --request-id option.
CLI::Option* AddRequestId(CLI::App* app, std::string* target);

// The commands below `command`, in order of definition, without hidden ones.
std::vector<const CLI::App*> VisibleCommands(const CLI::App& command);

// Each adds its part of the tree.
void AddStatusCommands(CommandTree& tree);
void AddNamespaceCommands(CommandTree& tree);
void AddAccountCommands(CommandTree& tree);
void AddStateCommands(CommandTree& tree);
void AddTopCommand(CommandTree& tree);
void AddShardCommands(CommandTree& tree);
void AddRouteCommands(CommandTree& tree);
void AddThreadCommands(CommandTree& tree);
void AddMessageCommands(CommandTree& tree);
// Those of the group `message` that look at mailboxes.
void AddMailboxCommands(CommandTree& tree, CLI::App* group);
void AddUndeliverableCommands(CommandTree& tree);
void AddOperationCommands(CommandTree& tree);
void AddBalancerCommands(CommandTree& tree);
void AddReplayCommand(CommandTree& tree, CLI::App* group);
void AddConfigCommands(CommandTree& tree);
void AddWatchCommand(CommandTree& tree);
void AddImportCommand(CommandTree& tree);
void AddExportCommand(CommandTree& tree);
void AddBenchCommand(CommandTree& tree);
void AddCompletionCommands(CommandTree& tree);

}  // namespace shardd::shardctl
