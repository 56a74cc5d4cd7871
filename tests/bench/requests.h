#pragma once

#include "shardd/v1/state.pb.h"
#include "tests/bench/dataset.h"

namespace shardd::bench {

// Makes `request` a put of a random value into a random account. Only what differs from the last
// put it held is written, so that the client costs as little as it can.
void FillPut(Dataset& dataset, v1::ApplyRequest& request);

// Makes `request` a get of a random account's entry.
void FillGet(Dataset& dataset, v1::GetRequest& request);

// Makes `request` a put that creates account `number`.
void FillCreate(Dataset& dataset, uint64_t number, v1::ApplyRequest& request);

// Whether the answer says that the put is durable, or holds the entry.
bool IsPutAnswer(const v1::ApplyResponse& response);
bool IsGetAnswer(const Dataset& dataset, const v1::GetResponse& response);

}  // namespace shardd::bench
