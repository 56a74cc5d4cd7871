#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/load_balancing_service/balancing_config.h"
#include "server/load_balancing_service/decision_log.h"
#include "storage/store.h"

namespace shardd {

// What was set at run time, as stored (storage/FORMAT.md, "Balancer").
struct BalancerSettings {
  // nullopt: as the daemon was configured.
  std::optional<BalancingConfig> config;
  absl::Time config_set_time = absl::InfinitePast();
  absl::Time paused_until = absl::InfinitePast();

  std::string Encode() const;
  // Errors: kStorageCorrupt, also if the configuration is not valid.
  static absl::StatusOr<BalancerSettings> Decode(absl::string_view bytes);
  friend bool operator==(const BalancerSettings&, const BalancerSettings&) = default;
};

// Its key in meta.
inline constexpr absl::string_view kBalancerSettingsKey = "balancer";
// The defaults if nothing is stored. Errors: kStorageCorrupt, kStorageFailed.
absl::StatusOr<BalancerSettings> LoadBalancerSettings(const storage::Reader& meta);

// The key in meta of an entry of the decision log begins with this; its number follows.
inline constexpr absl::string_view kDecisionPrefix = "decision/";
std::string DecisionKey(uint64_t number);

// The decision log with its stored copy. An entry is stored when it is new; that the same was
// decided again is only counted, and stored the next time that anything is.
//
// Thread safety: none.
class StoredDecisions {
 public:
  // Errors: kStorageCorrupt, kStorageFailed.
  static absl::StatusOr<StoredDecisions> Load(const storage::Reader& meta);

  void Add(Decision decision);
  // What has to be committed; empty if nothing is new.
  storage::WriteSet TakeWrites();

  const DecisionLog& log() const { return log_; }

 private:
  explicit StoredDecisions(DecisionLog log) : log_(std::move(log)) {}

  DecisionLog log_;
  bool has_new_ = false;
  std::set<uint64_t> unsaved_;
  std::set<uint64_t> removed_;
};

}  // namespace shardd
