#include "client/shardctl/apply_arguments.h"

#include <functional>
#include <map>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

struct KeyValue {
  std::string key;
  std::string value;
};

absl::StatusOr<KeyValue> Split(const std::string& option, const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--", option, " wants KEY=VALUE, not \"", text, "\""));
  }
  return KeyValue{text.substr(0, equals), text.substr(equals + 1)};
}

template <typename Number>
absl::StatusOr<Number> ToNumber(const std::string& option, const std::string& text) {
  Number number = 0;
  if (absl::SimpleAtoi(text, &number)) return number;
  return absl::InvalidArgumentError(
      absl::StrCat("--", option, " wants a whole number, not \"", text, "\""));
}

// Adds what one option asks for.
absl::Status AddMutation(const std::string& option, const std::string& text,
                         v1::ApplyRequest& request) {
  if (option == "delete") {
    request.add_mutations()->set_delete_(text);
    return absl::OkStatus();
  }
  if (option == "delete-prefix") {
    request.add_mutations()->set_delete_prefix(text);
    return absl::OkStatus();
  }
  const auto pair = Split(option, text);
  if (!pair.ok()) return pair.status();
  if (option == "put") {
    auto& put = *request.add_mutations()->mutable_put();
    put.set_key(pair->key);
    put.set_value(pair->value);
  } else if (option == "append") {
    auto& append = *request.add_mutations()->mutable_append();
    append.set_key(pair->key);
    append.set_value(pair->value);
  } else {
    const auto delta = ToNumber<int64_t>(option, pair->value);
    if (!delta.ok()) return delta.status();
    auto& add = *request.add_mutations()->mutable_add_integer();
    add.set_key(pair->key);
    add.set_delta(*delta);
  }
  return absl::OkStatus();
}

absl::Status AddPrecondition(const std::string& option, const std::string& text,
                             v1::ApplyRequest& request) {
  if (option == "if-exists") {
    request.add_preconditions()->set_entry_exists(text);
    return absl::OkStatus();
  }
  if (option == "if-absent") {
    request.add_preconditions()->set_entry_absent(text);
    return absl::OkStatus();
  }
  if (option == "if-account-revision") {
    const auto revision = ToNumber<uint64_t>(option, text);
    if (!revision.ok()) return revision.status();
    request.add_preconditions()->set_account_revision(*revision);
    return absl::OkStatus();
  }
  const auto pair = Split(option, text);
  if (!pair.ok()) return pair.status();
  if (option == "if-value") {
    auto& condition = *request.add_preconditions()->mutable_entry_value();
    condition.set_key(pair->key);
    condition.set_value(pair->value);
    return absl::OkStatus();
  }
  const auto revision = ToNumber<uint64_t>(option, pair->value);
  if (!revision.ok()) return revision.status();
  auto& condition = *request.add_preconditions()->mutable_entry_revision();
  condition.set_key(pair->key);
  condition.set_revision(*revision);
  return absl::OkStatus();
}

struct Argument {
  const char* name;
  const char* type;
  const char* description;
  absl::Status (*add)(const std::string&, const std::string&, v1::ApplyRequest&);
};

constexpr Argument kArguments[] = {
    {"put", "KEY=VALUE", "Write an entry.", AddMutation},
    {"delete", "KEY", "Delete an entry.", AddMutation},
    {"delete-prefix", "PREFIX", "Delete all entries whose key begins so.", AddMutation},
    {"add", "KEY=N", "Add to an entry that holds an integer.", AddMutation},
    {"append", "KEY=VALUE", "Add bytes at the end of an entry.", AddMutation},
    {"if-exists", "KEY", "Only if the entry exists.", AddPrecondition},
    {"if-absent", "KEY", "Only if the entry does not exist.", AddPrecondition},
    {"if-value", "KEY=VALUE", "Only if the entry has this value.", AddPrecondition},
    {"if-revision", "KEY=N", "Only if the entry is at this revision.", AddPrecondition},
    {"if-account-revision", "N", "Only if the account is at this revision.", AddPrecondition},
};

}  // namespace

void ApplyArguments::AddTo(CLI::App* app) {
  app_ = app;
  for (const Argument& argument : kArguments) {
    app->add_option(absl::StrCat("--", argument.name), argument.description)
        ->type_name(argument.type)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }
}

absl::StatusOr<v1::ApplyRequest> ApplyArguments::Read() const {
  v1::ApplyRequest request;
  // Each occurrence of an option takes the next of its values.
  std::map<const CLI::Option*, size_t> taken;
  for (const CLI::Option* option : app_->parse_order()) {
    for (const Argument& argument : kArguments) {
      if (!option->check_lname(argument.name)) continue;
      const size_t index = taken[option]++;
      if (index >= option->results().size()) continue;
      const absl::Status status = argument.add(argument.name, option->results()[index], request);
      if (!status.ok()) return status;
    }
  }
  return request;
}

std::pair<Json, std::string> MutationOutcome(const v1::Mutation& mutation,
                                             const v1::MutationResult& result) {
  switch (mutation.kind_case()) {
    case v1::Mutation::kAddInteger:
      return {{{"integer", JsonInteger(result.integer())}},
              absl::StrCat(Printable(mutation.add_integer().key()), " is ", result.integer())};
    case v1::Mutation::kAppend:
      return {{{"length", JsonNumber(result.length())}},
              absl::StrCat(Printable(mutation.append().key()), " has ", result.length(), " bytes")};
    case v1::Mutation::kDelete:
    case v1::Mutation::kDeletePrefix:
      return {{{"deleted", JsonNumber(result.deleted())}},
              absl::StrCat(result.deleted(), " deleted")};
    case v1::Mutation::kPut:
    case v1::Mutation::KIND_NOT_SET:
      break;
  }
  return {Json::object(), "written"};
}

}  // namespace shardd::shardctl
