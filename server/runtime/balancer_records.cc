#include "server/runtime/balancer_records.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/core/meta_records.h"
#include "server/load_balancing_service/limits.h"
#include "server/load_balancing_service/value_codec.h"

namespace shardd {
namespace {

constexpr uint8_t kConfigVersion = 1;

absl::Status Unreadable() {
  return Error(Reason::kStorageCorrupt, "the balancer's settings cannot be read");
}

}  // namespace

std::string BalancerSettings::Encode() const {
  ByteWriter writer;
  writer.Byte(kConfigVersion).Byte(config.has_value() ? 1 : 0);
  if (config.has_value()) PutConfig(writer, *config);
  PutTime(writer, config_set_time);
  PutTime(writer, paused_until);
  return writer.Take();
}

absl::StatusOr<BalancerSettings> BalancerSettings::Decode(absl::string_view bytes) {
  ByteReader reader(bytes);
  if (reader.Byte() != kConfigVersion) return Unreadable();
  const uint8_t has_config = reader.Byte();
  BalancerSettings settings;
  if (has_config == 1) settings.config = GetConfig(reader);
  settings.config_set_time = GetTime(reader);
  settings.paused_until = GetTime(reader);
  if (!reader.Done() || has_config > 1) return Unreadable();
  if (settings.config.has_value() && !Validate(*settings.config).ok()) return Unreadable();
  return settings;
}

absl::StatusOr<BalancerSettings> LoadBalancerSettings(const storage::Reader& meta) {
  std::string bytes;
  SHARDD_ASSIGN_OR_RETURN(const bool found, meta.Get(storage::kMeta, kBalancerSettingsKey, &bytes));
  if (!found) return BalancerSettings();
  return BalancerSettings::Decode(bytes);
}

std::string DecisionKey(uint64_t number) {
  return absl::StrCat(kDecisionPrefix, ByteWriter().Fixed64(number).view());
}

absl::StatusOr<StoredDecisions> StoredDecisions::Load(const storage::Reader& meta) {
  std::vector<LoggedDecision> entries;
  SHARDD_RETURN_IF_ERROR(ForEachRecord(
      meta, kDecisionPrefix, [&](absl::string_view key, absl::string_view value) -> absl::Status {
        SHARDD_ASSIGN_OR_RETURN(LoggedDecision entry, LoggedDecision::Decode(value));
        if (key != ByteWriter().Fixed64(entry.number).view()) {
          return Error(Reason::kStorageCorrupt, "a decision of the balancer has another's number");
        }
        entries.push_back(std::move(entry));
        return absl::OkStatus();
      }));
  SHARDD_ASSIGN_OR_RETURN(DecisionLog log,
                          DecisionLog::Restore(std::move(entries), limits::kDecisionsKept));
  return StoredDecisions(std::move(log));
}

void StoredDecisions::Add(Decision decision) {
  const DecisionLog::Change change = log_.Add(std::move(decision));
  if (change.written->times == 1) has_new_ = true;
  unsaved_.insert(change.written->number);
  if (change.removed.has_value()) {
    unsaved_.erase(*change.removed);
    removed_.insert(*change.removed);
  }
}

storage::WriteSet StoredDecisions::TakeWrites() {
  storage::WriteSet writes;
  if (!has_new_) return writes;
  for (const uint64_t number : removed_) writes.Delete(storage::kMeta, DecisionKey(number));
  const uint64_t first = log_.entries().front().number;
  for (const uint64_t number : unsaved_) {
    writes.Put(storage::kMeta, DecisionKey(number), log_.entries().at(number - first).Encode());
  }
  has_new_ = false;
  unsaved_.clear();
  removed_.clear();
  return writes;
}

}  // namespace shardd
