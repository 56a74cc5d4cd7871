#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns from the enclosing function if `expression` is not OK.
#define SHARDD_RETURN_IF_ERROR(expression)           \
  do {                                               \
    absl::Status shardd_status_ = (expression);      \
    if (!shardd_status_.ok()) return shardd_status_; \
  } while (false)

#define SHARDD_CONCAT_INNER_(a, b) a##b
#define SHARDD_CONCAT_(a, b) SHARDD_CONCAT_INNER_(a, b)

// Assigns the value of a StatusOr to `target` or returns its status. Absent from this Abseil; drop
// on upgrade.
#define SHARDD_ASSIGN_OR_RETURN(target, expression) \
  SHARDD_ASSIGN_OR_RETURN_IMPL_(SHARDD_CONCAT_(shardd_or_, __LINE__), target, expression)
#define SHARDD_ASSIGN_OR_RETURN_IMPL_(result, target, expression) \
  auto result = (expression);                                     \
  if (!result.ok()) return std::move(result).status();            \
  target = *std::move(result)
