#include "server/config/settings.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "server/base/check.h"
#include "server/config/address.h"
#include "server/logging/log_line.h"

namespace shardd {
namespace {

using Problems = std::vector<std::string>;

void CheckValue(const GivenValue& given, Problems* problems) {
  Config scratch;
  if (SetFromText(*given.option, given.text, &scratch)) return;
  problems->push_back(absl::StrCat(given.option->key, " is \"", given.text, "\" (", given.where,
                                   "); it must be ", AllowedBy(*given.option)));
}

Setting Winner(const Option& option, const std::vector<GivenValue>& given) {
  Setting winner{.option = &option, .text = std::string(option.default_text), .where = ""};
  for (const GivenValue& value : given) {
    if (value.option != &option || value.origin < winner.origin) continue;
    winner = {&option, value.text, value.origin, value.where};
  }
  return winner;
}

bool IsLocal(const std::string& address) {
  const std::optional<HostPort> parsed = ParseHostPort(address);
  return !parsed.has_value() || IsLoopback(*parsed);
}

bool IsLocal(const Config& config) { return IsLocal(config.listen) && IsLocal(config.http_listen); }

void CheckReach(absl::string_view key, const std::string& address, const Config& config,
                Problems* problems) {
  if (IsLocal(address) || config.insecure) return;
  problems->push_back(absl::StrCat(
      key, " is \"", address,
      "\", which other machines can reach; it must be a loopback address, or server.insecure must "
      "be true: whoever reaches the port may do everything"));
}

void CheckTogether(const Config& config, Problems* problems) {
  CheckReach("server.listen", config.listen, config, problems);
  CheckReach("server.http_listen", config.http_listen, config, problems);
  const std::optional<HostPort> grpc = ParseHostPort(config.listen);
  if (grpc.has_value() && grpc->port != 0 && config.listen == config.http_listen) {
    problems->push_back(absl::StrCat("server.listen and server.http_listen are both \"",
                                     config.listen, "\"; they must differ"));
  }
  const bool min_is_set = config.balancing_shards_min > 0;
  const int shards_min = min_is_set ? config.balancing_shards_min : config.shards_initial;
  if (shards_min > config.balancing_shards_max) {
    problems->push_back(absl::StrCat(
        min_is_set ? "balancing.shards_min" : "shards.initial", " is ", shards_min,
        min_is_set ? "" : ", which is also the fewest shards unless balancing.shards_min is set",
        "; it must not be above balancing.shards_max, ", config.balancing_shards_max));
  }
}

// Nobody outside this machine watches its readiness, so nobody needs time to notice.
void SkipWaitIfLocal(Settings* result) {
  for (Setting& setting : result->settings) {
    if (setting.option->key != "drain.wait" || setting.origin != Origin::kDefault) continue;
    if (!IsLocal(result->config)) continue;
    result->config.drain_wait = absl::ZeroDuration();
    setting.text = TextOf(*setting.option, result->config);
    setting.where = "only this machine reaches the ports";
  }
}

}  // namespace

absl::string_view NameOf(Origin origin) {
  switch (origin) {
    case Origin::kDefault:
      return "default";
    case Origin::kFile:
      return "file";
    case Origin::kVariable:
      return "env";
    case Origin::kFlag:
      return "flag";
  }
  return "";
}

absl::StatusOr<Settings> Resolve(const std::vector<GivenValue>& given) {
  Problems problems;
  for (const GivenValue& value : given) CheckValue(value, &problems);
  Settings result;
  for (const Option& option : Options()) {
    Setting setting = Winner(option, given);
    if (SetFromText(option, setting.text, &result.config)) {
      setting.text = TextOf(option, result.config);
    }
    result.settings.push_back(std::move(setting));
  }
  if (problems.empty()) CheckTogether(result.config, &problems);
  if (!problems.empty()) return absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
  SkipWaitIfLocal(&result);
  return result;
}

void Override(absl::string_view key, absl::string_view text, absl::string_view where,
              Settings* settings) {
  const Option* option = FindOption(key);
  SHARDD_CHECK(option != nullptr && SetFromText(*option, text, &settings->config));
  for (Setting& setting : settings->settings) {
    if (setting.option != option) continue;
    setting = {option, std::string(text), Origin::kFlag, std::string(where)};
  }
}

std::string ToTable(const Settings& settings) {
  size_t key_width = 0;
  size_t value_width = 0;
  for (const Setting& setting : settings.settings) {
    key_width = std::max(key_width, setting.option->key.size());
    value_width = std::max(value_width, setting.text.size());
  }
  std::string out = absl::StrFormat("%-*s  %-*s  ORIGIN\n", key_width, "KEY", value_width, "VALUE");
  for (const Setting& setting : settings.settings) {
    absl::StrAppendFormat(&out, "%-*s  %-*s  %s", key_width, setting.option->key, value_width,
                          setting.text, NameOf(setting.origin));
    absl::StrAppend(&out, setting.where.empty() ? "" : absl::StrCat(" (", setting.where, ")"),
                    "\n");
  }
  return out;
}

std::string ToJson(const Settings& settings) {
  std::string out = "{\"settings\":[";
  absl::string_view separator = "\n";
  for (const Setting& setting : settings.settings) {
    absl::StrAppend(&out, separator, "{\"key\":\"", setting.option->key, "\",\"value\":");
    AppendJsonString(setting.text, &out);
    absl::StrAppend(&out, ",\"origin\":\"", NameOf(setting.origin), "\",\"where\":");
    AppendJsonString(setting.where, &out);
    out.append("}");
    separator = ",\n";
  }
  return out.append("\n]}\n");
}

}  // namespace shardd
