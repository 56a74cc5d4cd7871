#include "server/runtime/survey.h"

namespace shardd {
namespace {

// Between two questions whether to go on.
constexpr size_t kRecordsPerStep = 1024;

}  // namespace

std::optional<SurveyDone> RunSurvey(const storage::Reader& view, const SurveyOrder& order,
                                    const std::function<bool(const SurveyTotals&)>& goes_on) {
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
    if (!goes_on(survey.totals())) return std::nullopt;
    if (*ended) break;
  }
  done.totals = survey.totals();
  done.median_key = survey.median_key();
  done.error_count = survey.errors().count;
  done.first_error = survey.errors().first;
  return done;
}

}  // namespace shardd
