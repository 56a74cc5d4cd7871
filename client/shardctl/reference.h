#pragma once

#include <string>

#include "CLI/CLI.hpp"

namespace shardd::shardctl {

// The reference of all commands in Markdown, made from the command tree; with the exit codes.
std::string MarkdownReference(const CLI::App& root);

}  // namespace shardd::shardctl
