#pragma once

#include <atomic>

#include "server/core/shard_command.h"
#include "storage/store.h"

namespace shardd {

// Reads a range as the order asks. Ends early, with an error, when `stop` is set.
SurveyDone RunSurvey(const storage::Reader& view, const SurveyOrder& order,
                     const std::atomic<bool>& stop);

}  // namespace shardd
