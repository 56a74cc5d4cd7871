#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/config/config.h"
#include "server/config/options.h"

namespace shardd {

// Who set a value; a later origin wins over an earlier one.
enum class Origin : uint8_t { kDefault, kFile, kVariable, kFlag };

// "default", "file", "env" or "flag".
absl::string_view NameOf(Origin origin);

// What somebody wrote for one option.
struct GivenValue {
  const Option* option = nullptr;  // never null
  std::string text;
  Origin origin = Origin::kDefault;
  std::string where;  // for people: "shardd.toml, line 3", "variable SHARDD_LOG__LEVEL"
};

// One value in force and where it comes from.
struct Setting {
  const Option* option = nullptr;  // never null
  std::string text;
  Origin origin = Origin::kDefault;
  std::string where;  // empty for a default
};

// The configuration in force.
struct Settings {
  Config config;
  std::vector<Setting> settings;  // one for each option, in the order of Options()
};

// Chooses the winner for each option: the latest origin and, of one origin, the last given. All
// values are checked, also those that lose. InvalidArgument has every problem on a line of its own,
// each with key, value, origin and what is allowed.
absl::StatusOr<Settings> Resolve(const std::vector<GivenValue>& given);

// Sets one value after the fact, as a flag would. REQUIRES: `key` is an option and `text` is
// allowed.
void Override(absl::string_view key, absl::string_view text, absl::string_view where,
              Settings* settings);

// The values in force as a table for people, or as JSON: {"settings":[{"key","value","origin",
// "where"}…]}. Both end with a line feed.
std::string ToTable(const Settings& settings);
std::string ToJson(const Settings& settings);

}  // namespace shardd
