#pragma once

#include "server/account/account_record.h"
#include "server/account/namespace_record.h"
#include "server/core/coordinator_core.h"
#include "server/core/event.h"
#include "server/routing/route_table.h"
#include "server/runtime/runtime.h"
#include "server/shard_state_operations/requests.h"
#include "shardd/v1/account.pb.h"
#include "shardd/v1/operation.pb.h"
#include "shardd/v1/routing.pb.h"
#include "shardd/v1/shard.pb.h"
#include "shardd/v1/state.pb.h"

namespace shardd::rpc {

// Answers as callers see them. What is given as && is moved from.

void ToProto(ApplyResult&& result, v1::ApplyResponse& proto);
void ToProto(Entry&& entry, v1::Entry& proto);
void ToProto(GetResult&& result, v1::GetResponse& proto);
void ToProto(ScanResult&& result, v1::ScanResponse& proto);
void ToProto(OutcomeResult&& result, v1::GetRequestOutcomeResponse& proto);
void ToProto(const AccountChange& change, v1::AccountChange& proto);
void ToProto(AccountResult&& result, v1::Account& proto);
void ToProto(const std::string& name, const NamespaceRecord& record, v1::Namespace& proto);
// One without an id was only validated, and has no state either.
void ToProto(const OperationRecord& record, v1::Operation& proto);
void ToProto(const TableChange& change, v1::TableChange& proto);
void ToProto(const Route& route, v1::Route& proto);
void ToProto(const RouteTable& table, v1::RouteTable& proto);
void ToProto(const RouteTableDiff& diff, v1::RouteTableDiff& proto);
// `note` says what the shard is doing as of `now`.
void ToProto(const ShardStatus& status, const ShardNote& note, absl::Time now, v1::Shard& proto);

}  // namespace shardd::rpc
