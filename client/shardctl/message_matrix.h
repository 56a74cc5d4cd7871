#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/client.h"
#include "client/shardctl/rows.h"
#include "shardd/v1/messaging.pb.h"

// How many messages go from which shard to which, for the screens that show more than that.
namespace shardd::shardctl {

// Asks for it. Nothing if the daemon does not say: the screens are good without.
std::optional<v1::GetMessageRatesResponse> LookAtMessages(client::Client& daemon);

// The pairs of shards, those with the highest rates first, and the sum of all.
Json MessageRatesJson(const v1::GetMessageRatesResponse& rates);

// Messages a second, for people: "5,739"; "<1" for few.
std::string MessageRateText(double per_second);

// A line for each sending shard under a line that names the receiving ones; of either those with
// the highest rates, by id, and at the end what the others do. Empty: no messages go.
std::vector<std::string> MatrixLines(const v1::GetMessageRatesResponse& rates);

}  // namespace shardd::shardctl
