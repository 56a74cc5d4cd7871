#include "server/account/account_ref.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"

namespace shardd {
namespace {

bool IsNamespaceCharacter(char c) {
  return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
}

// Length of the UTF-8 sequence that `first` begins; 0 if it begins none.
size_t SequenceLength(uint8_t first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (first >= 0xe0 && first <= 0xef) return 3;
  if (first >= 0xf0 && first <= 0xf4) return 4;
  return 0;
}

// The second byte of a sequence carries what rules out overlong forms, surrogates and values past
// U+10FFFF.
bool IsSecondByte(uint8_t first, uint8_t second) {
  switch (first) {
    case 0xe0:
      return second >= 0xa0 && second <= 0xbf;
    case 0xed:
      return second >= 0x80 && second <= 0x9f;
    case 0xf0:
      return second >= 0x90 && second <= 0xbf;
    case 0xf4:
      return second >= 0x80 && second <= 0x8f;
    default:
      return second >= 0x80 && second <= 0xbf;
  }
}

}  // namespace

bool IsUtf8(absl::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<uint8_t>(text[i]);
    const size_t length = SequenceLength(first);
    if (length == 0 || text.size() - i < length) return false;
    if (length > 1 && !IsSecondByte(first, static_cast<uint8_t>(text[i + 1]))) return false;
    for (size_t k = 2; k < length; ++k) {
      if ((static_cast<uint8_t>(text[i + k]) & 0xc0) != 0x80) return false;
    }
    i += length;
  }
  return true;
}

absl::Status ValidateNamespaceName(absl::string_view name) {
  if (name.empty() || name.size() > limits::kNamespaceBytesMax ||
      !std::all_of(name.begin(), name.end(), IsNamespaceCharacter)) {
    return InvalidField("namespace",
                        absl::StrCat("is ", name.size(), " bytes; it must be 1 to ",
                                     limits::kNamespaceBytesMax, " characters of a-z, 0-9 and -"));
  }
  return absl::OkStatus();
}

absl::Status ValidateAccountRef(const AccountRef& ref) {
  if (!ref.name_space.empty()) SHARDD_RETURN_IF_ERROR(ValidateNamespaceName(ref.name_space));
  if (ref.id.empty() || ref.id.size() > limits::kAccountIdBytesMax) {
    return InvalidField("account.id", absl::StrCat("is ", ref.id.size(), " bytes; it must be 1 to ",
                                                   limits::kAccountIdBytesMax));
  }
  if (!IsUtf8(ref.id)) return InvalidField("account.id", "is not UTF-8; it must be");
  return absl::OkStatus();
}

absl::Status ValidateRequestId(absl::string_view request_id) {
  if (request_id.size() > limits::kRequestIdBytesMax) {
    return InvalidField("request_id",
                        absl::StrCat("is ", request_id.size(), " bytes; it must be 1 to ",
                                     limits::kRequestIdBytesMax, ", or none"));
  }
  return absl::OkStatus();
}

}  // namespace shardd
