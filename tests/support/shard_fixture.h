#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/core/shard_core.h"
#include "storage/memory_store.h"

namespace shardd {

inline constexpr storage::Family kTestHome{1};

// What came out of one turn.
struct TurnResult {
  std::vector<Reply> replies;
  std::vector<WatchEvent> events;
  std::vector<PurgeResult> purges;
  std::vector<ShardRequestBody> passed_on;
  // What a change of the shard asks of the runtime and tells the coordinator.
  std::vector<ShardEffect> others;
  size_t writes = 0;  // in the turn's batch
  uint64_t stale_routes = 0;
  absl::Time wake_at;
};

// One shard over the whole key space on a store in memory, stepped by hand; each turn is committed.
class ShardFixture : public testing::Test {
 protected:
  ShardFixture();

  // Discards the core and makes one from what is stored, as a restart does.
  void Restart(ShardCore::Options options = {});
  void Restart(const Route& route, ShardCore::Options options = {});
  // With the whole key space as of this epoch.
  void RestartAt(TableEpoch epoch);

  // Runs the requests in one turn, commits it, and gives what came out.
  TurnResult Turn(std::vector<ShardRequest> requests);
  // The same for one command, in a turn of its own.
  TurnResult Command(ShardCommand command);
  // Runs what follows in this core, and gives the one before.
  std::unique_ptr<ShardCore> Use(std::unique_ptr<ShardCore> core);
  // The same for one request that has one answer.
  absl::StatusOr<ShardAnswer> Ask(ShardRequestBody body);

  absl::StatusOr<ApplyResult> Apply(ApplyRequest request);
  absl::StatusOr<AccountResult> CreateAccount(CreateAccountRequest request);
  absl::StatusOr<AccountResult> UpdateAccount(UpdateAccountRequest request);
  absl::StatusOr<AccountResult> DeleteAccount(DeleteAccountRequest request);
  absl::StatusOr<OutcomeResult> Outcome(const AccountRef& account, std::string request_id,
                                        bool forbid = false);
  // Puts one entry, creating the account.
  absl::StatusOr<ApplyResult> PutEntry(const AccountRef& account, std::string key,
                                       std::string value, std::string request_id = "");
  // The value of an entry, "(none)" without one, "(no account)" without an account.
  std::string ValueOf(const AccountRef& account, const std::string& key);
  // The stored record of an account, be it deleted; nullopt if there is none.
  std::optional<AccountRecord> RecordOf(const AccountRef& account) const;
  // Stored records of the home by type: account, entry, outcome, outcome order.
  std::vector<size_t> CountRecords() const;
  // As committed to meta.
  ShardStats StoredStats(ShardId shard = ShardId{1}) const;

  ShardCore& core() { return *core_; }
  storage::MemoryStore& store() { return store_; }
  const storage::MemoryStore& store() const { return store_; }

  absl::Time now_ = absl::FromUnixSeconds(1'000'000'000);
  const Route whole_{ShardId{1}, KeyRange{kFirstRoutingKey, std::nullopt}, kTestHome};

 private:
  ShardTurn NewTurn() const;
  // Ends the turn, commits it and sorts what came out.
  TurnResult Finish(ShardTurn turn);
  template <typename Answer>
  absl::StatusOr<Answer> AskFor(ShardRequestBody body);

  storage::MemoryStore store_;
  std::unique_ptr<ShardCore> core_;
  uint64_t next_call_ = 1;
};

}  // namespace shardd
