#include "server/rpc/parsed.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/unknown_field_set.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/account/account_ref.h"
#include "server/base/error.h"

namespace shardd::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;

std::optional<std::string> FindBadText(const Descriptor& type, const UnknownFieldSet& fields);

// The path of the first text in `field` that is not UTF-8.
std::optional<std::string> FindBadText(const FieldDescriptor& type, const std::string& bytes) {
  if (type.type() == FieldDescriptor::TYPE_STRING) {
    if (IsUtf8(bytes)) return std::nullopt;
    return std::string(type.name());
  }
  UnknownFieldSet inner;
  if (type.type() != FieldDescriptor::TYPE_MESSAGE || !inner.ParseFromString(bytes)) {
    return std::nullopt;
  }
  const std::optional<std::string> path = FindBadText(*type.message_type(), inner);
  if (!path.has_value()) return std::nullopt;
  return absl::StrCat(type.name(), ".", *path);
}

// Recursion is bounded by the types, none of which contains itself.
std::optional<std::string> FindBadText(const Descriptor& type, const UnknownFieldSet& fields) {
  for (int i = 0; i < fields.field_count(); ++i) {
    const UnknownField& field = fields.field(i);
    const FieldDescriptor* known = type.FindFieldByNumber(field.number());
    if (known == nullptr || field.type() != UnknownField::TYPE_LENGTH_DELIMITED) continue;
    std::optional<std::string> path = FindBadText(*known, field.length_delimited());
    if (path.has_value()) return path;
  }
  return std::nullopt;
}

std::string Flatten(grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  std::string flat;
  if (!bytes.Dump(&slices).ok()) return flat;
  for (const grpc::Slice& slice : slices) {
    flat.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return flat;
}

}  // namespace

absl::Status ExplainUnreadable(const Descriptor& type, grpc::ByteBuffer& bytes) {
  UnknownFieldSet fields;
  if (fields.ParseFromString(Flatten(bytes))) {
    const std::optional<std::string> path = FindBadText(type, fields);
    if (path.has_value()) return InvalidField(*path, "is not UTF-8; text must be");
  }
  return InvalidField("request", absl::StrCat("is not the bytes of a ", type.full_name()));
}

}  // namespace shardd::rpc
