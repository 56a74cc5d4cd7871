#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/load_balancing_service/balancing_config.h"

namespace shardd {

// Sets one field of a configuration by its name, from what people write: "0.7", "30s", "load". The
// names are those in errors of Validate, which see. kInvalidField if there is no such field or the
// text is nothing that the field takes.
absl::Status SetBalancingField(absl::string_view name, absl::string_view text,
                               BalancingConfig& config);

}  // namespace shardd
