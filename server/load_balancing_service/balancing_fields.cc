#include "server/load_balancing_service/balancing_fields.h"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/base/error.h"

namespace shardd {
namespace {

using Place = std::variant<std::string*, double*, absl::Duration*, uint32_t*, uint64_t*>;

struct Field {
  absl::string_view name;
  Place place;
};

std::vector<Field> FieldsOf(BalancingConfig& config) {
  return {
      {"policy", &config.policy},
      {"operations_per_second", &config.thresholds.operations_per_second},
      {"busy_fraction", &config.thresholds.busy_fraction},
      {"mailbox_wait", &config.thresholds.mailbox_wait},
      {"bytes_per_second", &config.thresholds.bytes_per_second},
      {"imbalance_max", &config.imbalance_max},
      {"load_floor", &config.load_floor},
      {"check_interval", &config.check_interval},
      {"smoothing", &config.smoothing},
      {"breaches_min", &config.breaches_min},
      {"split_imbalance_max", &config.keys.imbalance_max},
      {"split_contained_max", &config.keys.contained_max},
      {"split_requests_min", &config.keys.requests_min},
      {"split_recorded_min", &config.keys.recorded_min},
      {"hot_share", &config.keys.hot_share},
      {"isolate_rest_min", &config.keys.isolate_rest_min},
      {"shard_bytes_max", &config.shard_bytes_max},
      {"own_home_bytes_min", &config.own_home_bytes_min},
      {"merge_share_max", &config.merge_share_max},
      {"merge_age_min", &config.merge_age_min},
      {"cool_down", &config.cool_down},
      {"warm_up", &config.warm_up},
      {"changes_max", &config.changes_max},
      {"shards_min", &config.shards_min},
      {"shards_max", &config.shards_max},
      {"homes_max", &config.homes_max},
  };
}

bool Read(absl::string_view text, std::string* value) {
  *value = std::string(text);
  return true;
}
bool Read(absl::string_view text, double* value) { return absl::SimpleAtod(text, value); }
bool Read(absl::string_view text, absl::Duration* value) {
  return absl::ParseDuration(text, value);
}
bool Read(absl::string_view text, uint32_t* value) { return absl::SimpleAtoi(text, value); }
bool Read(absl::string_view text, uint64_t* value) { return absl::SimpleAtoi(text, value); }

absl::string_view FormOf(const Place& place) {
  if (std::holds_alternative<std::string*>(place)) return "a name";
  if (std::holds_alternative<double*>(place)) return "a number";
  if (std::holds_alternative<absl::Duration*>(place)) return "a duration, such as 30s";
  return "a whole number";
}

}  // namespace

absl::Status SetBalancingField(absl::string_view name, absl::string_view text,
                               BalancingConfig& config) {
  for (const Field& field : FieldsOf(config)) {
    if (field.name != name) continue;
    if (std::visit([text](auto* place) { return Read(text, place); }, field.place)) {
      return absl::OkStatus();
    }
    return InvalidField(name, absl::StrCat("is \"", text, "\"; it must be ", FormOf(field.place)));
  }
  return InvalidField(name, "is no field of a balancing policy");
}

}  // namespace shardd
