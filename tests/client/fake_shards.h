#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "grpcpp/support/status.h"
#include "shardd/v1/operation.pb.h"
#include "shardd/v1/routing.pb.h"
#include "shardd/v1/shard.pb.h"

namespace shardd::client {

// Shards that split, merge and move as the daemon's do, as far as a client can see: the table is
// changed at once, though the operations are said to run for a while.
//
// Thread safety: none.
class FakeShards {
 public:
  // So many shards of equal width in one home.
  explicit FakeShards(int shard_count = 4);

  // In key order; requests_total rises by `requests_per_look` times its place with each call.
  std::vector<v1::Shard> List();
  // nullptr if there is none.
  v1::Shard* Find(const std::string& id);
  uint64_t epoch() const { return epoch_; }
  // 0: the current one. nullptr if it is not known.
  const v1::RouteTable* Table(uint64_t epoch) const;
  const std::vector<v1::TableChange>& changes() const { return changes_; }

  grpc::Status Split(const v1::SplitShardRequest& request, v1::Operation* operation);
  grpc::Status Merge(const v1::MergeShardsRequest& request, v1::Operation* operation);
  grpc::Status MoveHome(const v1::MoveShardHomeRequest& request, v1::Operation* operation);
  grpc::Status Verify(const v1::VerifyShardRequest& request, v1::Operation* operation);
  grpc::Status Compact(const v1::CompactShardRequest& request, v1::Operation* operation);
  // SHARD_NOT_FOUND, STALE_EPOCH.
  grpc::Status Check(const std::string& id, uint64_t expected_epoch) const;

  // As they ended, by id; numbers count from 2.
  std::map<std::string, v1::Operation> operations;
  int requests_per_look = 0;
  // A shard whose records contradict each other.
  std::string damaged;
  // Verifications that were begun and whose end nobody was told yet, the most there ever were, and
  // how many there may be.
  std::set<std::string> verifying;
  size_t verifying_most = 0;
  size_t verifying_max = 1000;
  // Shards that an operation works on until somebody was told of its end; by shard.
  std::map<std::string, std::string> busy;

 private:
  v1::Operation Operation(v1::OperationKind kind, const std::string& id);
  // Records an operation that has changed the table.
  void Change(v1::Operation operation, v1::Operation* answer);
  void End(v1::Operation ended, v1::Operation* answer);
  void Keep();

  std::vector<v1::Shard> shards_;
  std::map<uint64_t, v1::RouteTable> tables_;
  std::vector<v1::TableChange> changes_;
  uint64_t epoch_ = 0;
  int next_shard_;
  int next_operation_ = 2;
};

// SHARD_NOT_FOUND and the like.
grpc::Status NoSuch(v1::ErrorReason reason, const std::string& what);

// When everything happens.
inline constexpr int64_t kFakeNow = 1'700'000'000;

}  // namespace shardd::client
