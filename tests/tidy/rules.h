// What the tree must look like, and where it does not.
//
// The tables at the top of rules.cc are the one place that says so: the order of the rooms, the
// words that a room may not use, and the named exceptions, each with its reason.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include "tests/tidy/source_text.h"

namespace shardd::tidy {

struct Finding {
  std::string rule;
  std::string path;
  size_t line = 0;  // From 1; 0 where the finding is about the file as a whole.
  std::string message;
};

std::ostream& operator<<(std::ostream& out, const Finding& finding);

// All findings in a tree given by all of its text files, in the order of the rules.
std::vector<Finding> CheckTree(const std::vector<SourceFile>& tree);

}  // namespace shardd::tidy
