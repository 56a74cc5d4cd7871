#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/clock.h"
#include "client/shardctl/command.h"
#include "client/shardctl/exit_code.h"
#include "client/shardctl/interrupt.h"
#include "client/shardctl/terminal.h"

namespace shardd::shardctl {

// Runs one command line, given without the program's name, and returns the exit code.
ExitCode RunShardctl(const std::vector<std::string>& args, Terminal& terminal, Interrupt& interrupt,
                     client::Clock& clock);

// One line that says what went wrong; below it the reason, whether a write may have taken effect,
// and what to try.
void PrintError(const absl::Status& status, const GlobalOptions& options, Terminal& terminal);

}  // namespace shardd::shardctl
