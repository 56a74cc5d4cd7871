#pragma once

#include <atomic>
#include <functional>

#include "server/core/shard_command.h"
#include "storage/store.h"

namespace shardd {

// Reads a range as the order asks, in steps of some milliseconds, and calls `on_step` after each.
// Ends early, with an error, when `stop` is set.
SurveyDone RunSurvey(const storage::Reader& view, const SurveyOrder& order,
                     const std::atomic<bool>& stop, const std::function<void()>& on_step);

}  // namespace shardd
