#pragma once

#include <string>
#include <utility>
#include <vector>

#include "server/config/settings.h"

namespace shardd {

// What the variables SHARDD_SECTION__NAME say.
struct Environment {
  std::vector<GivenValue> given;
  // One for each SHARDD_ variable that means nothing; it may be a slip of the pen.
  std::vector<std::string> warnings;
};

// A variable that is set but empty counts as set. Silent about names that others give to a service
// called shardd (Kubernetes: SHARDD_PORT…, SHARDD_SERVICE_…) and to our scripts (SHARDD_HOME,
// SHARDD_CACHE).
Environment ReadEnvironment(const std::vector<std::pair<std::string, std::string>>& variables);

// The variables of this process.
std::vector<std::pair<std::string, std::string>> ProcessVariables();

}  // namespace shardd
