#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/config/config.h"

namespace shardd {

// What a text value must look like.
enum class TextForm : uint8_t {
  kPath,              // not empty
  kAddress,           // host:port
  kAddressOrNothing,  // the same, or empty
};
struct TextKind {
  std::string Config::*member;
  TextForm form;
};
// One of the words of `words`, which are separated by "|".
struct ChoiceKind {
  std::string Config::*member;
  absl::string_view words;
};
struct FlagKind {
  bool Config::*member;
};
struct CountKind {
  int Config::*member;
  int least;
  int most;
};
struct NumberKind {
  double Config::*member;
  double least;
  double most;
};
struct SizeKind {
  ByteCount Config::*member;
  uint64_t least;
  uint64_t most;
};
struct TimeKind {
  absl::Duration Config::*member;
  absl::Duration most;
  absl::Duration least = absl::ZeroDuration();
};

// What kind of value an option takes, its limits, and where in Config it goes.
using OptionKind =
    std::variant<TextKind, ChoiceKind, FlagKind, CountKind, NumberKind, SizeKind, TimeKind>;

// One row of the table from which flags, variables, file keys, --help and REFERENCE.md are made.
struct Option {
  absl::string_view key;    // "section.name", as in a file; "--section.name" as a flag
  absl::string_view alias;  // a shorter flag; may be empty
  OptionKind kind;
  absl::string_view default_text;
  absl::string_view help;
};

// All options, in the order people should read them.
absl::Span<const Option> Options();

// nullptr if there is no such key.
const Option* FindOption(absl::string_view key);

// "SHARDD_SECTION__NAME".
std::string VariableOf(const Option& option);

// What the option may be, for people: "true or false", "1 to 1024", "text, json or auto".
std::string AllowedBy(const Option& option);

// Puts `text` where it belongs. False, and nothing changed, if it is not what AllowedBy says.
bool SetFromText(const Option& option, absl::string_view text, Config* config);

// The spelling that SetFromText reads: "8s", "256MiB", "true".
std::string TextOf(const Option& option, const Config& config);

}  // namespace shardd
