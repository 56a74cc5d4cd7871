#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/account/account_record.h"
#include "server/base/error.h"
#include "server/core/event.h"

namespace shardd::sim {

// Answers as one line of text: what a client can see of them and nothing else, so that two answers
// are the same to a client if and only if their texts are equal.

// "error N: message".
std::string ErrorText(const absl::Status& status);
// "error N:", which stands for this reason with any message.
std::string ErrorText(Reason reason);

std::string ResultsText(uint64_t revision, const std::vector<MutationResult>& results);
std::string RecordText(const AccountRecord& record);
std::string EntryText(const Entry& entry);
std::string LeasesText(absl::Time until);

std::string AnswerText(const absl::StatusOr<ShardAnswer>& answer);

// The revision an answer shows of the account; 0 if none.
uint64_t RevisionIn(const absl::StatusOr<ShardAnswer>& answer);

// Whether `actual` is what `expected` stands for.
bool Matches(absl::string_view expected, absl::string_view actual);

}  // namespace shardd::sim
