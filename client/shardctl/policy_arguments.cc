#include "client/shardctl/policy_arguments.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "client/shardctl/present.h"

namespace shardd::shardctl {
namespace {

using google::protobuf::FieldDescriptor;

std::string KnownKeys() {
  std::vector<std::string> keys;
  const auto& type = *v1::BalancingPolicy::descriptor();
  for (int i = 0; i < type.field_count(); ++i) keys.push_back(type.field(i)->name());
  return absl::StrJoin(keys, ", ");
}

absl::Status Bad(const std::string& key, const std::string& value, const std::string& form) {
  return absl::InvalidArgumentError(absl::StrCat(key, " is \"", value, "\"; it must be ", form));
}

absl::Status SetDuration(const FieldDescriptor& field, const std::string& value,
                         v1::BalancingPolicy& policy) {
  absl::Duration duration;
  if (!absl::ParseDuration(value, &duration) || duration == absl::InfiniteDuration() ||
      duration == -absl::InfiniteDuration()) {
    return Bad(field.name(), value, "a duration, such as 30s");
  }
  auto& proto = static_cast<google::protobuf::Duration&>(
      *policy.GetReflection()->MutableMessage(&policy, &field));
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return absl::OkStatus();
}

absl::Status SetNumber(const FieldDescriptor& field, const std::string& value,
                       v1::BalancingPolicy& policy) {
  uint64_t number = 0;
  const bool small = field.cpp_type() == FieldDescriptor::CPPTYPE_UINT32;
  if (!absl::SimpleAtoi(value, &number) || (small && number > UINT32_MAX)) {
    return Bad(field.name(), value, "a whole number");
  }
  const google::protobuf::Reflection& reflection = *policy.GetReflection();
  if (small) {
    reflection.SetUInt32(&policy, &field, static_cast<uint32_t>(number));
  } else {
    reflection.SetUInt64(&policy, &field, number);
  }
  return absl::OkStatus();
}

absl::Status SetField(const FieldDescriptor& field, const std::string& value,
                      v1::BalancingPolicy& policy) {
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    return SetDuration(field, value, policy);
  }
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    policy.GetReflection()->SetString(&policy, &field, value);
    return absl::OkStatus();
  }
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_DOUBLE) return SetNumber(field, value, policy);
  double number = 0;
  if (!absl::SimpleAtod(value, &number)) return Bad(field.name(), value, "a number");
  policy.GetReflection()->SetDouble(&policy, &field, number);
  return absl::OkStatus();
}

std::string TextOf(absl::Duration value) {
  // FormatDuration writes zero without a unit.
  return value == absl::ZeroDuration() ? "0s" : absl::FormatDuration(value);
}

std::string TextOf(const FieldDescriptor& field, const v1::BalancingPolicy& policy) {
  const google::protobuf::Reflection& reflection = *policy.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return TextOf(FromProto(
          static_cast<const google::protobuf::Duration&>(reflection.GetMessage(policy, &field))));
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.GetString(policy, &field);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      // StrCat would round it to six digits.
      return absl::StrFormat("%.15g", reflection.GetDouble(policy, &field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(reflection.GetUInt32(policy, &field));
    default:
      return absl::StrCat(reflection.GetUInt64(policy, &field));
  }
}

}  // namespace

absl::StatusOr<v1::BalancingPolicy> PolicyFrom(const std::vector<std::string>& words) {
  v1::BalancingPolicy policy;
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", word, "\" is not KEY=VALUE, such as cool_down=1m"));
    }
    const std::string key = word.substr(0, equals);
    const FieldDescriptor* field = v1::BalancingPolicy::descriptor()->FindFieldByName(key);
    if (field == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("a policy has no field called \"", key, "\"; there are ", KnownKeys()));
    }
    if (policy.GetReflection()->HasField(policy, field)) {
      return absl::InvalidArgumentError(absl::StrCat(key, " is given twice"));
    }
    const absl::Status set = SetField(*field, word.substr(equals + 1), policy);
    if (!set.ok()) return set;
  }
  return policy;
}

std::vector<std::pair<std::string, std::string>> FieldsOf(const v1::BalancingPolicy& policy) {
  std::vector<std::pair<std::string, std::string>> fields;
  const auto& type = *v1::BalancingPolicy::descriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (!policy.GetReflection()->HasField(policy, &field)) continue;
    fields.emplace_back(field.name(), TextOf(field, policy));
  }
  return fields;
}

}  // namespace shardd::shardctl
