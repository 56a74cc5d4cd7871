#pragma once

#include <functional>
#include <optional>

#include "server/core/shard_command.h"
#include "server/shard_state_operations/range_survey.h"
#include "storage/store.h"

namespace shardd {

// Reads a range as the order asks, in steps of some milliseconds, and asks `goes_on` after each,
// with what was found so far. nullopt: it said no.
std::optional<SurveyDone> RunSurvey(const storage::Reader& view, const SurveyOrder& order,
                                    const std::function<bool(const SurveyTotals&)>& goes_on);

}  // namespace shardd
