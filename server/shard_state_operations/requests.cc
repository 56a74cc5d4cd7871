#include "server/shard_state_operations/requests.h"

#include "absl/strings/str_cat.h"
#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/cross_thread_messaging/receiving.h"

namespace shardd {
namespace {

// Begins each fingerprint, so that requests of different kinds never agree. Stored in outcomes:
// never reuse a number.
enum class RequestKind : uint8_t { kApply = 1, kCreate = 2, kUpdate = 3, kDelete = 4 };

ByteWriter BeginFingerprint(RequestKind kind, const AccountRef& account) {
  ByteWriter writer(256);
  writer.Byte(static_cast<uint8_t>(kind)).Bytes(account.name_space).Bytes(account.id);
  return writer;
}

absl::Status CheckKey(absl::string_view field, absl::string_view key) {
  if (key.empty()) return InvalidField(field, "is empty; a key must be 1 to 1024 bytes");
  if (key.size() > limits::kEntryKeyBytesMax) {
    return WithMetadata(
        Error(Reason::kEntryTooLarge, absl::StrCat(field, " is ", key.size(), " bytes; at most ",
                                                   limits::kEntryKeyBytesMax, " are allowed")),
        "field", field);
  }
  return absl::OkStatus();
}

absl::Status CheckValue(absl::string_view field, absl::string_view value) {
  if (value.size() > limits::kEntryValueBytesMax) {
    return WithMetadata(
        Error(Reason::kEntryTooLarge, absl::StrCat(field, " is ", value.size(), " bytes; at most ",
                                                   limits::kEntryValueBytesMax, " are allowed")),
        "field", field);
  }
  return absl::OkStatus();
}

struct PreconditionChecker {
  absl::Status operator()(const EntryExists& c) const { return CheckKey("entry_exists", c.key); }
  absl::Status operator()(const EntryAbsent& c) const { return CheckKey("entry_absent", c.key); }
  absl::Status operator()(const EntryRevisionIs& c) const {
    return CheckKey("entry_revision.key", c.key);
  }
  absl::Status operator()(const EntryValueIs& c) const {
    SHARDD_RETURN_IF_ERROR(CheckKey("entry_value.key", c.key));
    return CheckValue("entry_value.value", c.value);
  }
  absl::Status operator()(const AccountRevisionIs&) const { return absl::OkStatus(); }
};

struct MutationChecker {
  absl::Status operator()(const Put& m) const {
    SHARDD_RETURN_IF_ERROR(CheckKey("put.key", m.key));
    return CheckValue("put.value", m.value);
  }
  absl::Status operator()(const Delete& m) const { return CheckKey("delete", m.key); }
  absl::Status operator()(const DeletePrefix& m) const {
    return m.prefix.empty() ? absl::OkStatus() : CheckKey("delete_prefix", m.prefix);
  }
  absl::Status operator()(const AddInteger& m) const { return CheckKey("add_integer.key", m.key); }
  absl::Status operator()(const Append& m) const {
    SHARDD_RETURN_IF_ERROR(CheckKey("append.key", m.key));
    return CheckValue("append.value", m.value);
  }
};

struct PreconditionWriter {
  ByteWriter& writer;
  void operator()(const EntryExists& c) const { writer.Bytes(c.key); }
  void operator()(const EntryAbsent& c) const { writer.Bytes(c.key); }
  void operator()(const EntryRevisionIs& c) const { writer.Bytes(c.key).Varint(c.revision); }
  void operator()(const EntryValueIs& c) const { writer.Bytes(c.key).Bytes(c.value); }
  void operator()(const AccountRevisionIs& c) const { writer.Varint(c.revision); }
};

struct MutationWriter {
  ByteWriter& writer;
  void operator()(const Put& m) const { writer.Bytes(m.key).Bytes(m.value); }
  void operator()(const Delete& m) const { writer.Bytes(m.key); }
  void operator()(const DeletePrefix& m) const { writer.Bytes(m.prefix); }
  void operator()(const AddInteger& m) const { writer.Bytes(m.key).Signed(m.delta); }
  void operator()(const Append& m) const { writer.Bytes(m.key).Bytes(m.value); }
};

struct PreconditionSize {
  size_t operator()(const EntryExists& c) const { return c.key.size(); }
  size_t operator()(const EntryAbsent& c) const { return c.key.size(); }
  size_t operator()(const EntryRevisionIs& c) const { return c.key.size(); }
  size_t operator()(const EntryValueIs& c) const { return c.key.size() + c.value.size(); }
  size_t operator()(const AccountRevisionIs&) const { return 0; }
};

struct MutationSize {
  size_t operator()(const Put& m) const { return m.key.size() + m.value.size(); }
  size_t operator()(const Delete& m) const { return m.key.size(); }
  size_t operator()(const DeletePrefix& m) const { return m.prefix.size(); }
  size_t operator()(const AddInteger& m) const { return m.key.size(); }
  size_t operator()(const Append& m) const { return m.key.size() + m.value.size(); }
};

size_t NameSize(const AccountRef& account) { return account.name_space.size() + account.id.size(); }

size_t LabelsSize(const Labels& labels) {
  size_t size = 0;
  for (const auto& [key, value] : labels) {
    size += sizeof(Labels::value_type) + key.size() + value.size();
  }
  return size;
}

absl::Status CheckNames(const AccountRef& account, absl::string_view request_id) {
  SHARDD_RETURN_IF_ERROR(ValidateAccountRef(account));
  return ValidateRequestId(request_id);
}

void WriteLabels(ByteWriter& writer, const Labels& labels) {
  writer.Varint(labels.size());
  for (const auto& [key, value] : labels) writer.Bytes(key).Bytes(value);
}

// No kinds of mutations. Requests without sends and acks keep the fingerprints that they had before
// there were any.
constexpr uint8_t kSendsFollow = 0xff;
constexpr uint8_t kAcksFollow = 0xfe;

void WriteRef(ByteWriter& writer, const AccountRef& ref) {
  writer.Bytes(ref.name_space).Bytes(ref.id);
}

void WriteSend(ByteWriter& writer, const Send& send) {
  WriteRef(writer, send.receiver);
  writer.Bytes(send.message_id);
  WriteLabels(writer, send.headers);
  writer.Bytes(send.payload)
      .Signed(absl::ToInt64Nanoseconds(send.delay))
      .Signed(absl::ToInt64Nanoseconds(send.time_to_live))
      .Byte(send.reply_to.has_value())
      .Varint(send.attempts_max);
  if (send.reply_to.has_value()) WriteRef(writer, *send.reply_to);
}

size_t SendSize(const Send& send) {
  size_t size = sizeof(Send) + NameSize(send.receiver) + send.message_id.size() +
                LabelsSize(send.headers) + send.payload.size();
  if (send.reply_to.has_value()) size += NameSize(*send.reply_to);
  return size;
}

// Tags, lengths and numbers around a key or value, at most.
constexpr size_t kFieldBytes = 16;

size_t EntryBytes(const std::vector<Entry>& entries) {
  size_t size = 0;
  for (const Entry& entry : entries) {
    size += entry.key.size() + entry.value.size() + 2 * kFieldBytes;
  }
  return size;
}

}  // namespace

size_t AccountChange::ByteSize() const {
  size_t size = sizeof(AccountChange);
  for (const EntryChange& entry : entries) {
    size += sizeof(EntryChange) + entry.key.size() + (entry.value ? entry.value->size() : 0);
  }
  return size;
}

absl::Status Validate(const ApplyRequest& request) {
  SHARDD_RETURN_IF_ERROR(CheckNames(request.account, request.request_id));
  if (request.preconditions.size() > limits::kPreconditionsMax) {
    return InvalidField("preconditions",
                        absl::StrCat("has ", request.preconditions.size(), " items; at most ",
                                     limits::kPreconditionsMax, " are allowed"));
  }
  if (request.mutations.size() > limits::kMutationsMax) {
    return InvalidField("mutations",
                        absl::StrCat("has ", request.mutations.size(), " items; at most ",
                                     limits::kMutationsMax, " are allowed"));
  }
  for (const Precondition& precondition : request.preconditions) {
    SHARDD_RETURN_IF_ERROR(std::visit(PreconditionChecker{}, precondition));
  }
  for (const Mutation& mutation : request.mutations) {
    SHARDD_RETURN_IF_ERROR(std::visit(MutationChecker{}, mutation));
  }
  SHARDD_RETURN_IF_ERROR(ValidateLeases("acks", request.acks));
  if (request.sends.size() > limits::kSendsMax) {
    return InvalidField("sends", absl::StrCat("has ", request.sends.size(), " items; at most ",
                                              limits::kSendsMax, " are allowed"));
  }
  for (size_t i = 0; i < request.sends.size(); ++i) {
    SHARDD_RETURN_IF_ERROR(Validate(request.sends[i], absl::StrCat("sends[", i, "]")));
  }
  return absl::OkStatus();
}

absl::Status Validate(const CreateAccountRequest& request) {
  SHARDD_RETURN_IF_ERROR(CheckNames(request.account, request.request_id));
  SHARDD_RETURN_IF_ERROR(ValidateLabels(request.labels));
  return ValidateLimits(request.limits);
}

absl::Status Validate(const UpdateAccountRequest& request) {
  SHARDD_RETURN_IF_ERROR(CheckNames(request.account, request.request_id));
  if (request.labels.has_value()) SHARDD_RETURN_IF_ERROR(ValidateLabels(*request.labels));
  if (request.limits.has_value()) SHARDD_RETURN_IF_ERROR(ValidateLimits(*request.limits));
  if (request.state.has_value() && *request.state == AccountState::kDeleted) {
    return InvalidField("state", "must be ACTIVE or FROZEN; use DeleteAccount to delete");
  }
  if (!request.labels.has_value() && !request.limits.has_value() && !request.state.has_value()) {
    return InvalidField("update_mask",
                        "is empty; it must name one or more of labels, limits, state");
  }
  return absl::OkStatus();
}

absl::Status Validate(const DeleteAccountRequest& request) {
  return CheckNames(request.account, request.request_id);
}

absl::Status Validate(const GetAccountRequest& request) {
  return ValidateAccountRef(request.account);
}

absl::Status Validate(const GetRequest& request) {
  SHARDD_RETURN_IF_ERROR(ValidateAccountRef(request.account));
  if (request.keys.empty() || request.keys.size() > limits::kGetKeysMax) {
    return InvalidField("keys", absl::StrCat("has ", request.keys.size(), " items; 1 to ",
                                             limits::kGetKeysMax, " are allowed"));
  }
  for (const std::string& key : request.keys) SHARDD_RETURN_IF_ERROR(CheckKey("keys", key));
  return absl::OkStatus();
}

absl::Status Validate(const ScanRequest& request) {
  SHARDD_RETURN_IF_ERROR(ValidateAccountRef(request.account));
  if (!request.prefix.empty()) SHARDD_RETURN_IF_ERROR(CheckKey("prefix", request.prefix));
  if (!request.start.empty()) SHARDD_RETURN_IF_ERROR(CheckKey("start", request.start));
  if (!request.end.empty()) SHARDD_RETURN_IF_ERROR(CheckKey("end", request.end));
  return absl::OkStatus();
}

absl::Status Validate(const GetOutcomeRequest& request) {
  SHARDD_RETURN_IF_ERROR(CheckNames(request.account, request.request_id));
  if (request.request_id.empty()) return InvalidField("request_id", "is empty; name a request");
  return absl::OkStatus();
}

absl::Status Validate(const WatchRequest& request) { return ValidateAccountRef(request.account); }

Hash128 Fingerprint(const ApplyRequest& request) {
  ByteWriter writer = BeginFingerprint(RequestKind::kApply, request.account);
  writer.Byte(request.create_account).Varint(request.preconditions.size());
  for (const Precondition& precondition : request.preconditions) {
    writer.Byte(static_cast<uint8_t>(precondition.index()));
    std::visit(PreconditionWriter{writer}, precondition);
  }
  for (const Mutation& mutation : request.mutations) {
    writer.Byte(static_cast<uint8_t>(mutation.index()));
    std::visit(MutationWriter{writer}, mutation);
  }
  if (!request.sends.empty()) writer.Byte(kSendsFollow);
  for (const Send& send : request.sends) WriteSend(writer, send);
  if (!request.acks.empty()) writer.Byte(kAcksFollow);
  for (const Lease& ack : request.acks) writer.Varint(ack.number).Varint(ack.token);
  return StableHash128(writer.view());
}

Hash128 Fingerprint(const CreateAccountRequest& request) {
  ByteWriter writer = BeginFingerprint(RequestKind::kCreate, request.account);
  writer.Varint(request.limits.entries_max).Varint(request.limits.bytes_max);
  WriteLabels(writer, request.labels);
  return StableHash128(writer.view());
}

Hash128 Fingerprint(const UpdateAccountRequest& request) {
  ByteWriter writer = BeginFingerprint(RequestKind::kUpdate, request.account);
  writer.Varint(request.expected_revision)
      .Byte(request.labels.has_value())
      .Byte(request.limits.has_value())
      .Byte(request.state.has_value() ? static_cast<uint8_t>(*request.state) : 0);
  if (request.labels.has_value()) WriteLabels(writer, *request.labels);
  if (request.limits.has_value()) {
    writer.Varint(request.limits->entries_max).Varint(request.limits->bytes_max);
  }
  return StableHash128(writer.view());
}

Hash128 Fingerprint(const DeleteAccountRequest& request) {
  ByteWriter writer = BeginFingerprint(RequestKind::kDelete, request.account);
  writer.Varint(request.expected_revision);
  return StableHash128(writer.view());
}

size_t ByteSize(const ApplyRequest& request) {
  size_t size = sizeof(request) + NameSize(request.account) + request.request_id.size();
  for (const Precondition& precondition : request.preconditions) {
    size += sizeof(precondition) + std::visit(PreconditionSize{}, precondition);
  }
  for (const Mutation& mutation : request.mutations) {
    size += sizeof(mutation) + std::visit(MutationSize{}, mutation);
  }
  for (const Send& send : request.sends) size += SendSize(send);
  size += request.acks.size() * sizeof(Lease);
  return size;
}

size_t ByteSize(const CreateAccountRequest& request) {
  return sizeof(request) + NameSize(request.account) + request.request_id.size() +
         LabelsSize(request.labels);
}

size_t ByteSize(const UpdateAccountRequest& request) {
  return sizeof(request) + NameSize(request.account) + request.request_id.size() +
         (request.labels.has_value() ? LabelsSize(*request.labels) : 0);
}

size_t ByteSize(const DeleteAccountRequest& request) {
  return sizeof(request) + NameSize(request.account) + request.request_id.size();
}

size_t ByteSize(const GetRequest& request) {
  size_t size = sizeof(request) + NameSize(request.account);
  for (const std::string& key : request.keys) size += sizeof(key) + key.size();
  return size;
}

size_t ByteSize(const ScanRequest& request) {
  return sizeof(request) + NameSize(request.account) + request.prefix.size() +
         request.start.size() + request.end.size() + request.page_token.size();
}

size_t ByteSize(const GetOutcomeRequest& request) {
  return sizeof(request) + NameSize(request.account) + request.request_id.size();
}

size_t ByteSize(const WatchRequest& request) { return sizeof(request) + NameSize(request.account); }

size_t ByteSize(const GetResult& result) {
  size_t size = EntryBytes(result.entries);
  for (const std::string& key : result.missing_keys) size += key.size() + kFieldBytes;
  return size;
}

size_t ByteSize(const ScanResult& result) { return EntryBytes(result.entries); }

}  // namespace shardd
