#pragma once

#include <compare>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/account/routing_key.h"

namespace shardd {

// The name of an account.
struct AccountRef {
  std::string name_space;  // may be empty
  std::string id;

  RoutingKey routing_key() const { return RoutingKeyOf(name_space, id); }
  friend auto operator<=>(const AccountRef&, const AccountRef&) = default;
};

// OK, or kInvalidField naming what is wrong and what is allowed.
absl::Status ValidateAccountRef(const AccountRef& ref);
// `[a-z0-9-]{1,63}`; an empty one is refused here.
absl::Status ValidateNamespaceName(absl::string_view name);
// May be empty, which means that there is none.
absl::Status ValidateRequestId(absl::string_view request_id);

// Whether `text` is UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
bool IsUtf8(absl::string_view text);

}  // namespace shardd
