#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define SHARDD_CONCAT_INNER_(a, b) a##b
#define SHARDD_CONCAT_(a, b) SHARDD_CONCAT_INNER_(a, b)

// Returns from the enclosing function if `expression` is not OK. Its own variable is numbered, so
// that the expression may hold a lambda that uses the macro too.
#define SHARDD_RETURN_IF_ERROR(expression) \
  SHARDD_RETURN_IF_ERROR_IMPL_(SHARDD_CONCAT_(shardd_status_, __COUNTER__), expression)
#define SHARDD_RETURN_IF_ERROR_IMPL_(result, expression) \
  do {                                                   \
    absl::Status result = (expression);                  \
    if (!result.ok()) return result;                     \
  } while (false)

// Assigns the value of a StatusOr to `target` or returns its status. Absent from this Abseil; drop
// on upgrade.
#define SHARDD_ASSIGN_OR_RETURN(target, expression) \
  SHARDD_ASSIGN_OR_RETURN_IMPL_(SHARDD_CONCAT_(shardd_or_, __LINE__), target, expression)
#define SHARDD_ASSIGN_OR_RETURN_IMPL_(result, target, expression) \
  auto result = (expression);                                     \
  if (!result.ok()) return std::move(result).status();            \
  target = *std::move(result)
