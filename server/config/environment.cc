#include "server/config/environment.h"

#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/config/nearest.h"

namespace shardd {
namespace {

const Option* FindByVariable(const std::string& name) {
  for (const Option& option : Options()) {
    if (VariableOf(option) == name) return &option;
  }
  return nullptr;
}

bool IsSomebodyElses(absl::string_view name) {
  return absl::StartsWith(name, "SHARDD_PORT") || absl::StartsWith(name, "SHARDD_SERVICE_") ||
         name == "SHARDD_HOME" || name == "SHARDD_CACHE";
}

std::string UnknownVariable(const std::string& name) {
  std::vector<std::string> names;
  for (const Option& option : Options()) names.push_back(VariableOf(option));
  return absl::StrCat("unknown variable ", name, " has no effect; the nearest is ",
                      Nearest(name, names));
}

}  // namespace

Environment ReadEnvironment(const std::vector<std::pair<std::string, std::string>>& variables) {
  Environment result;
  for (const auto& [name, value] : variables) {
    if (!absl::StartsWith(name, "SHARDD_")) continue;
    if (const Option* option = FindByVariable(name)) {
      result.given.push_back({option, value, Origin::kVariable, absl::StrCat("variable ", name)});
    } else if (!IsSomebodyElses(name)) {
      result.warnings.push_back(UnknownVariable(name));
    }
  }
  return result;
}

std::vector<std::pair<std::string, std::string>> ProcessVariables() {
  std::vector<std::pair<std::string, std::string>> result;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    result.push_back(absl::StrSplit(*variable, absl::MaxSplits('=', 1)));
  }
  return result;
}

}  // namespace shardd
