#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/shardctl/rows.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "shardd/v1/account.pb.h"
#include "shardd/v1/operation.pb.h"
#include "shardd/v1/routing.pb.h"
#include "shardd/v1/shard.pb.h"
#include "shardd/v1/state.pb.h"

// How the things of the API look as rows: for each its columns and its cells, in the same order.
namespace shardd::shardctl {

std::vector<Column> AccountColumns();
Row AccountRow(const v1::Account& account);

std::vector<Column> NamespaceColumns();
Row NamespaceRow(const v1::Namespace& name_space);

std::vector<Column> EntryColumns();
Row EntryRow(const v1::Entry& entry);

std::vector<Column> ShardColumns();
Row ShardRow(const v1::Shard& shard);

// The word for a shard's state, and how it is meant.
Cell ShardStateCell(v1::ShardState state);

std::vector<Column> RouteColumns();
Row RouteRow(const v1::Route& route);

// An operation without an id was only validated.
std::vector<Column> OperationColumns();
Row OperationRow(const v1::Operation& operation);
bool HasEnded(const v1::Operation& operation);
// As a word: "rehome".
std::string KindWord(v1::OperationKind kind);
// "paused 4.74ms".
std::string PauseText(const google::protobuf::Duration& pause);

// An enum's name as a word: ("ACCOUNT_STATE_ACTIVE", "ACCOUNT_STATE_") is "active".
std::string EnumWord(const std::string& name, const std::string& prefix);

absl::Duration FromProto(const google::protobuf::Duration& duration);
absl::Time FromProto(const google::protobuf::Timestamp& time);
void ToProto(absl::Duration duration, google::protobuf::Duration& proto);
Cell TimeCell(bool is_set, const google::protobuf::Timestamp& time);
// In JSON a number of seconds.
Cell DurationCell(absl::Duration duration);
Cell BytesCell(uint64_t bytes);

// A checksum; in JSON as in the text.
Cell ChecksumCell(uint64_t checksum);

// Adds a routing range as the cells `start` and `end`, in hexadecimal.
void AddRange(const v1::Route& route, Row& row);

}  // namespace shardd::shardctl
