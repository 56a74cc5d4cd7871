#include "server/account/record_key.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/codec.h"
#include "server/base/error.h"

namespace shardd {
namespace {

constexpr size_t kOutcomeNumberBytes = 8;

bool IsOwnKeyOf(RecordType type, absl::string_view own_key) {
  switch (type) {
    case RecordType::kAccount:
      return own_key.empty();
    case RecordType::kEntry:
    case RecordType::kOutcome:
      return !own_key.empty();
    case RecordType::kOutcomeOrder:
      return own_key.size() == kOutcomeNumberBytes;
  }
  return false;
}

}  // namespace

AccountKeys::AccountKeys(const AccountRef& ref)
    : routing_key_(ref.routing_key()),
      name_(ByteWriter(3 + ref.name_space.size() + ref.id.size())
                .Byte(static_cast<uint8_t>(ref.name_space.size()))
                .Raw(ref.name_space)
                .Fixed16(static_cast<uint16_t>(ref.id.size()))
                .Raw(ref.id)
                .Take()) {}

std::string AccountKeys::Key(RecordType type, absl::string_view own_key) const {
  return ByteWriter(prefix_bytes() + own_key.size())
      .Fixed64(routing_key_.high)
      .Fixed64(routing_key_.low)
      .Byte(static_cast<uint8_t>(type))
      .Raw(name_)
      .Raw(own_key)
      .Take();
}

storage::KeyBounds AccountKeys::Bounds(RecordType type, absl::string_view own_prefix) const {
  std::string lower = Key(type, own_prefix);
  std::string upper = PrefixEnd(lower);
  return {std::move(lower), std::move(upper)};
}

absl::StatusOr<RecordKey> ParseRecordKey(absl::string_view key) {
  ByteReader reader(key);
  RecordKey parsed;
  parsed.routing_key.high = reader.Fixed64();
  parsed.routing_key.low = reader.Fixed64();
  parsed.type = static_cast<RecordType>(reader.Byte());
  parsed.name_space = reader.Raw(reader.Byte());
  parsed.id = reader.Raw(reader.Fixed16());
  parsed.own_key = reader.rest();
  if (!reader.ok() || parsed.id.empty() || !IsOwnKeyOf(parsed.type, parsed.own_key) ||
      parsed.routing_key != RoutingKeyOf(parsed.name_space, parsed.id)) {
    return Error(Reason::kStorageCorrupt, absl::StrCat("a stored key is not of any known form: ",
                                                       absl::BytesToHexString(key)));
  }
  return parsed;
}

storage::KeyBounds BoundsOf(const KeyRange& range) {
  return {ToBytes(range.start), range.end.has_value() ? ToBytes(*range.end) : ""};
}

std::string PrefixEnd(std::string prefix) {
  while (!prefix.empty() && static_cast<uint8_t>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

}  // namespace shardd
