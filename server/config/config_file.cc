#include "server/config/config_file.h"

#include <toml++/toml.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/status_macros.h"
#include "server/config/nearest.h"

namespace shardd {
namespace {

// Far above any configuration: a wrong path, such as a disk, is not read to its end.
constexpr size_t kFileBytesMax = size_t{1} << 20;

std::vector<std::string> AllKeys() {
  std::vector<std::string> keys;
  for (const Option& option : Options()) keys.emplace_back(option.key);
  return keys;
}

// Walks the tables of a file and collects what it finds.
class Reader {
 public:
  explicit Reader(absl::string_view file_name) : file_name_(file_name) {}

  void Read(const toml::table& table, const std::string& prefix) {
    for (const auto& [toml_key, node] : table) {
      const std::string key = absl::StrCat(prefix, std::string(toml_key.str()));
      if (const Option* option = FindOption(key)) {
        ReadValue(*option, node);
      } else if (node.is_table() && IsSection(key)) {
        Read(*node.as_table(), absl::StrCat(key, "."));
      } else {
        problems_.push_back(absl::StrCat("unknown key \"", key, "\" (", Where(toml_key.source()),
                                         "); the nearest is \"", Nearest(key, AllKeys()), "\""));
      }
    }
  }

  absl::StatusOr<std::vector<GivenValue>> Take() {
    if (!problems_.empty()) return absl::InvalidArgumentError(absl::StrJoin(problems_, "\n"));
    return std::move(values_);
  }

 private:
  static bool IsSection(absl::string_view key) {
    const std::string prefix = absl::StrCat(key, ".");
    for (const Option& option : Options()) {
      if (option.key.substr(0, prefix.size()) == prefix) return true;
    }
    return false;
  }

  std::string Where(const toml::source_region& source) const {
    return absl::StrCat(file_name_, ", line ", source.begin.line);
  }

  void ReadValue(const Option& option, const toml::node& node) {
    if (std::optional<std::string> text = TextOf(option, node)) {
      values_.push_back({&option, *std::move(text), Origin::kFile, Where(node.source())});
      return;
    }
    problems_.push_back(absl::StrCat(option.key, " is ", Describe(node), " (", Where(node.source()),
                                     "); it must be ", TypeOf(option), ", ", AllowedBy(option)));
  }

  // The value as flags and variables spell it; nullopt if it is of another type than the option.
  static std::optional<std::string> TextOf(const Option& option, const toml::node& node) {
    if (std::holds_alternative<FlagKind>(option.kind)) {
      const std::optional<bool> value = node.value_exact<bool>();
      if (!value.has_value()) return std::nullopt;
      return *value ? "true" : "false";
    }
    const bool is_count = std::holds_alternative<CountKind>(option.kind);
    const bool is_size = std::holds_alternative<SizeKind>(option.kind);
    if (node.is_integer() && (is_count || is_size)) {
      return absl::StrCat(node.value_exact<int64_t>().value_or(0));
    }
    if (std::holds_alternative<NumberKind>(option.kind)) {
      // Of an integer too.
      const std::optional<double> number =
          node.is_number() ? node.value<double>() : std::optional<double>();
      return number.has_value() ? std::optional(absl::StrCat(*number)) : std::nullopt;
    }
    if (is_count) return std::nullopt;
    return node.value_exact<std::string>();
  }

  static absl::string_view TypeOf(const Option& option) {
    if (std::holds_alternative<FlagKind>(option.kind)) return "a boolean";
    if (std::holds_alternative<CountKind>(option.kind)) return "an integer";
    if (std::holds_alternative<NumberKind>(option.kind)) return "a number";
    if (std::holds_alternative<SizeKind>(option.kind)) return "an integer or a string";
    return "a string";
  }

  static std::string Describe(const toml::node& node) {
    if (const auto text = node.value_exact<std::string>()) {
      return absl::StrCat("the string \"", *text, "\"");
    }
    if (const auto integer = node.value_exact<int64_t>()) {
      return absl::StrCat("the integer ", *integer);
    }
    if (const auto truth = node.value_exact<bool>()) {
      return absl::StrCat("the boolean ", *truth ? "true" : "false");
    }
    if (const auto real = node.value_exact<double>()) return absl::StrCat("the float ", *real);
    if (node.is_table()) return "a table";
    return node.is_array() ? "an array" : "a date or time";
  }

  const std::string file_name_;
  std::vector<GivenValue> values_;
  std::vector<std::string> problems_;
};

}  // namespace

absl::StatusOr<std::vector<GivenValue>> ParseConfigFile(absl::string_view text,
                                                        absl::string_view name) {
  toml::table table;
  try {
    table = toml::parse(std::string(text));
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(absl::StrCat(name, ", line ", error.source().begin.line, ": ",
                                                   std::string(error.description())));
  }
  Reader reader(name);
  reader.Read(table, "");
  return reader.Take();
}

absl::StatusOr<std::vector<GivenValue>> ReadConfigFile(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                             &std::fclose);
  std::string text(kFileBytesMax + 1, '\0');
  if (file != nullptr) text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (file == nullptr || std::ferror(file.get()) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot read configuration file ", path, ": ", std::strerror(errno)));
  }
  if (text.size() > kFileBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("configuration file ", path, " is over ",
                                                   kFileBytesMax, " bytes; that is the most"));
  }
  return ParseConfigFile(text, path);
}

}  // namespace shardd
