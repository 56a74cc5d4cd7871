#include "server/runtime/survey.h"

#include "server/base/error.h"
#include "server/shard_state_operations/range_survey.h"

namespace shardd {
namespace {

// Between two looks at whether to stop.
constexpr size_t kRecordsPerStep = 1024;

}  // namespace

SurveyDone RunSurvey(const storage::Reader& view, const SurveyOrder& order,
                     const std::atomic<bool>& stop, const std::function<void()>& on_step) {
  SurveyDone done;
  done.operation = order.operation;
  done.purpose = order.purpose;
  done.stats = order.stats;
  RangeSurvey::Options options;
  options.checksum = order.purpose == SurveyPurpose::kVerify;
  if (order.purpose != SurveyPurpose::kMedian) options.median_samples = 0;
  RangeSurvey survey(view, order.home, order.range, options);
  while (true) {
    const absl::StatusOr<bool> ended = survey.Step(kRecordsPerStep);
    if (!ended.ok()) {
      done.status = ended.status();
      return done;
    }
    on_step();
    if (*ended) break;
    if (stop.load(std::memory_order_relaxed)) {
      done.status = Error(Reason::kDraining, "the daemon stops");
      return done;
    }
  }
  done.totals = survey.totals();
  done.median_key = survey.median_key();
  done.error_count = survey.errors().count;
  done.first_error = survey.errors().first;
  return done;
}

}  // namespace shardd
