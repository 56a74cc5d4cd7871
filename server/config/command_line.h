#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/settings.h"

namespace shardd {

enum class Command : uint8_t { kServe, kValidate, kShowConfig, kReference, kVersion, kHelp };

// What was asked for.
struct CommandLine {
  Command command = Command::kServe;
  std::string config_path;  // empty: no file
  bool dev = false;
  bool json = false;  // of what goes to stdout
  std::vector<GivenValue> given;
};

// Reads the arguments after the program's name. Flags and the command come in any order; a value is
// the next argument or follows "=". InvalidArgument: an unknown flag or command (with the nearest
// one), a missing or superfluous value. Limits of values are left to Resolve.
absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments);

// What --help prints.
std::string HelpText();

// The page REFERENCE.md, whole.
std::string ReferencePage();

}  // namespace shardd
