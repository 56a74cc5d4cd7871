#pragma once

#include <ostream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/error.h"

namespace shardd {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

// EXPECT_THAT(status or StatusOr, IsOk());
MATCHER(IsOk, "is OK") {
  *result_listener << StatusOf(arg);
  return StatusOf(arg).ok();
}

// EXPECT_THAT(status or StatusOr, HasReason(Reason::kAccountNotFound)): that reason, its code and a
// message.
MATCHER_P(HasReason, reason, absl::StrCat("has reason ", static_cast<int>(reason))) {
  const absl::Status& status = StatusOf(arg);
  *result_listener << status << " with reason " << static_cast<int>(ReasonOf(status));
  return ReasonOf(status) == reason && status.code() == CodeOf(reason) && !status.message().empty();
}

}  // namespace shardd

#define SHARDD_TEST_CONCAT_INNER_(a, b) a##b
#define SHARDD_TEST_CONCAT_(a, b) SHARDD_TEST_CONCAT_INNER_(a, b)

// Ends the test unless `expression`, a StatusOr, is OK; else `target` becomes its value.
#define ASSERT_OK_AND_ASSIGN(target, expression) \
  ASSERT_OK_AND_ASSIGN_IMPL_(SHARDD_TEST_CONCAT_(status_or_, __LINE__), target, expression)
#define ASSERT_OK_AND_ASSIGN_IMPL_(result, target, expression) \
  auto result = (expression);                                  \
  ASSERT_THAT(result, ::shardd::IsOk());                       \
  target = *std::move(result)
