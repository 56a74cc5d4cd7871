#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/shardctl/record.h"
#include "shardd/v1/account.pb.h"
#include "shardd/v1/state.pb.h"

namespace shardd::shardctl {

// How records become writes.
struct WriteOptions {
  // Keep entries that the record does not name.
  bool merge = false;
  // Part of every request_id: the same records under another run id are written again.
  std::string run_id;
};

// The writes that make the account hold what the record says; one, unless the record is too large
// for one. Later ones go on where the first ends, so they must be sent in order, each after the
// one before it is durable.
//
// Each write carries a request_id made from what it writes and from `earlier`, the number of
// records of this account that came before in the same input. So a repeated or resumed import finds
// out what it has written before; whether that is still there is for the importer to see.
std::vector<v1::ApplyRequest> WritesFor(const Record& record, uint32_t earlier,
                                        const WriteOptions& options);

// What sets the account's labels, limits and state to those of the record, to be sent after the
// last of its writes; nothing if the record names none of them. Its request_id is made in the same
// way, from `last_write` and what it sets.
std::optional<v1::UpdateAccountRequest> UpdateFor(const Record& record,
                                                  const v1::ApplyRequest& last_write);

// Whether it changes nothing in a new account.
bool IsDefault(const v1::UpdateAccountRequest& update);

// Whether it sets `field`: labels, limits or state.
bool Sets(const v1::UpdateAccountRequest& update, const std::string& field);

// The request_id under which a request is made anew: the same for the same `nonce` only.
std::string FreshRequestId(const std::string& request_id, uint64_t nonce);

}  // namespace shardd::shardctl
