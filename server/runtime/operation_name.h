#pragma once

#include "server/core/event.h"
#include "server/core/shard_command.h"

namespace shardd {

// What a worker is at while it runs this, for the record of its thread: "apply", "split", …. Lives
// for ever.
const char* OperationName(const ShardRequestBody& body);
const char* OperationName(const ShardCommand& command);

}  // namespace shardd
