#include "server/account/namespace_record.h"

#include "absl/strings/str_cat.h"
#include "server/account/account_record.h"
#include "server/base/codec.h"
#include "server/base/error.h"

namespace shardd {
namespace {

constexpr uint8_t kNamespaceVersion = 1;

}  // namespace

std::string NamespaceRecord::Encode() const {
  return ByteWriter()
      .Byte(kNamespaceVersion)
      .Byte(static_cast<uint8_t>(state))
      .Signed(ToStoredTime(create_time))
      .Bytes(request_id)
      .Take();
}

absl::StatusOr<NamespaceRecord> NamespaceRecord::Decode(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint8_t version = reader.Byte();
  const uint8_t state = reader.Byte();
  NamespaceRecord record;
  record.state = static_cast<NamespaceState>(state);
  record.create_time = FromStoredTime(reader.Signed());
  record.request_id = std::string(reader.Bytes());
  const bool known_state =
      record.state == NamespaceState::kActive || record.state == NamespaceState::kDeleting;
  if (!reader.Done() || version != kNamespaceVersion || !known_state) {
    return Error(Reason::kStorageCorrupt, "a stored namespace record cannot be read");
  }
  return record;
}

absl::Status CheckNamespace(const NamespaceTable& namespaces, absl::string_view name) {
  if (name.empty()) return absl::OkStatus();
  const auto found = namespaces.find(name);
  if (found == namespaces.end()) {
    return WithMetadata(
        Error(Reason::kNamespaceNotFound,
              absl::StrCat("namespace \"", name, "\" does not exist; create it first")),
        "namespace", name);
  }
  if (found->second.state == NamespaceState::kDeleting) {
    return WithMetadata(Error(Reason::kNamespaceDeleting,
                              absl::StrCat("namespace \"", name, "\" is being deleted")),
                        "namespace", name);
  }
  return absl::OkStatus();
}

}  // namespace shardd
