#pragma once

#include <string>

#include "CLI/CLI.hpp"

// Completion scripts, made from the command tree.
namespace shardd::shardctl {

std::string BashCompletion(const CLI::App& root);
std::string ZshCompletion(const CLI::App& root);
std::string FishCompletion(const CLI::App& root);

}  // namespace shardd::shardctl
