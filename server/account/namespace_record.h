#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace shardd {

// Stored; never reuse a number.
enum class NamespaceState : uint8_t { kActive = 1, kDeleting = 2 };

// A tenant, as stored (storage/FORMAT.md, "Namespace").
struct NamespaceRecord {
  NamespaceState state = NamespaceState::kActive;
  absl::Time create_time;
  std::string request_id;  // of the request that created it; empty if it had none

  std::string Encode() const;
  // Errors: kStorageCorrupt.
  static absl::StatusOr<NamespaceRecord> Decode(absl::string_view bytes);
  friend bool operator==(const NamespaceRecord&, const NamespaceRecord&) = default;
};

// All namespaces by name. Immutable once published.
using NamespaceTable = std::map<std::string, NamespaceRecord, std::less<>>;

// OK if `name` is empty or takes requests; else kNamespaceNotFound or kNamespaceDeleting.
absl::Status CheckNamespace(const NamespaceTable& namespaces, absl::string_view name);

}  // namespace shardd
