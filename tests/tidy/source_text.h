// The text of one file of the tree, and ways to look at it that a rule needs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shardd::tidy {

struct SourceFile {
  std::string path;  // From the root of the tree, with forward slashes.
  std::string text;
};

// What stays readable when the rest is blanked out.
enum class Keep { kCode, kCodeAndStrings };

// Replaces comments, and string literals unless they are kept, by blanks. Lines stay where they
// were, so a finding's line number can be read off the result.
std::string Blank(std::string_view text, Keep keep);

// The lines of `text`, without their line ends.
std::vector<std::string_view> Lines(std::string_view text);

// Whether `token` stands in `line` as a whole word: no letter, digit or underscore right before it,
// nor right after it unless the token itself ends in something else, such as "rand(".
bool HasToken(std::string_view line, std::string_view token);

// Whether `path` is `place` itself or lies in it; `place` names a folder if it ends in a slash.
bool IsIn(std::string_view path, std::string_view place);

bool IsCpp(std::string_view path);

// The folder of `path`, "" for a file in the root.
std::string_view FolderOf(std::string_view path);

}  // namespace shardd::tidy
