#include "client/shardctl/command.h"
#include "client/shardctl/completion.h"
#include "client/shardctl/reference.h"

namespace shardd::shardctl {

void AddCompletionCommands(CommandTree& tree) {
  CLI::App* group = tree.Group("completion", "Scripts that complete shardctl's words in a shell.");
  const CLI::App* root = &tree.root();
  struct Shell {
    const char* name;
    const char* example;
    std::string (*script)(const CLI::App&);
  };
  constexpr Shell kShells[] = {
      {"bash", "source <(shardctl completion bash)", BashCompletion},
      {"zsh", "shardctl completion zsh > \"${fpath[1]}/_shardctl\"", ZshCompletion},
      {"fish", "shardctl completion fish > ~/.config/fish/completions/shardctl.fish",
       FishCompletion}};
  for (const Shell& shell : kShells) {
    tree.Add(group, shell.name, std::string("Print the script for ") + shell.name + ".",
             {shell.example}, [root, shell](Invocation& invocation) -> absl::StatusOr<ExitCode> {
               invocation.terminal.out << shell.script(*root);
               return kOk;
             });
  }
  tree.Add(nullptr, "docs", "Print the reference of all commands, in Markdown.", {"shardctl docs"},
           [root](Invocation& invocation) -> absl::StatusOr<ExitCode> {
             invocation.terminal.out << MarkdownReference(*root);
             return kOk;
           })
      ->group("");
}

}  // namespace shardd::shardctl
