#include "client/shardctl/import_writes.h"

#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace shardd::shardctl {
namespace {

// Raised when the same input is to become other writes.
constexpr uint64_t kImportFormat = 1;
// One less than the daemon allows: deleting what was there before is a mutation too.
constexpr int kPutsPerWriteMax = 1023;
constexpr size_t kBytesPerWriteMax = size_t{900} << 10;

// Hashes parts so that no two lists of parts give the same bytes.
class RequestIdHash {
 public:
  RequestIdHash() : state_(XXH3_createState(), XXH3_freeState) { XXH3_128bits_reset(state_.get()); }

  void Add(uint64_t number) {
    unsigned char bytes[8];
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<unsigned char>(number >> (8 * i));
    XXH3_128bits_update(state_.get(), bytes, sizeof(bytes));
  }
  void Add(const std::string& text) {
    Add(uint64_t{text.size()});
    XXH3_128bits_update(state_.get(), text.data(), text.size());
  }
  std::string Hex() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    return absl::StrFormat("%016x%016x", hash.high64, hash.low64);
  }

 private:
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_;
};

std::string RequestId(const v1::ApplyRequest& write, uint32_t earlier, size_t part,
                      const WriteOptions& options) {
  RequestIdHash hash;
  hash.Add(kImportFormat);
  hash.Add(options.run_id);
  hash.Add(uint64_t{options.merge});
  hash.Add(uint64_t{earlier});
  hash.Add(uint64_t{part});
  hash.Add(write.account().namespace_());
  hash.Add(write.account().id());
  for (const v1::Mutation& mutation : write.mutations()) {
    if (!mutation.has_put()) continue;
    hash.Add(mutation.put().key());
    hash.Add(mutation.put().value());
  }
  return hash.Hex();
}

std::string UpdateRequestId(const v1::UpdateAccountRequest& update,
                            const v1::ApplyRequest& last_write) {
  RequestIdHash hash;
  hash.Add(last_write.request_id());
  for (const std::string& field : update.update_mask().paths()) hash.Add(field);
  hash.Add(update.limits().entries_max());
  hash.Add(update.limits().bytes_max());
  hash.Add(uint64_t{update.state() == v1::ACCOUNT_STATE_FROZEN});
  // Sorted: a map of the wire is not.
  for (const auto& [key, value] :
       std::map<std::string, std::string>(update.labels().begin(), update.labels().end())) {
    hash.Add(key);
    hash.Add(value);
  }
  return hash.Hex();
}

v1::ApplyRequest& NextWrite(const Record& record, std::vector<v1::ApplyRequest>& writes) {
  v1::ApplyRequest& write = writes.emplace_back();
  write.mutable_account()->set_namespace_(record.name_space);
  write.mutable_account()->set_id(record.id);
  write.set_create_account(true);
  return write;
}

}  // namespace

std::vector<v1::ApplyRequest> WritesFor(const Record& record, uint32_t earlier,
                                        const WriteOptions& options) {
  std::vector<v1::ApplyRequest> writes;
  v1::ApplyRequest* write = &NextWrite(record, writes);
  if (!options.merge) write->add_mutations()->set_delete_prefix("");
  int puts = 0;
  size_t bytes = 0;
  for (const auto& [key, value] : record.entries) {
    const size_t size = key.size() + value.size();
    if (puts > 0 && (puts == kPutsPerWriteMax || bytes + size > kBytesPerWriteMax)) {
      write = &NextWrite(record, writes);
      puts = 0;
      bytes = 0;
    }
    auto& put = *write->add_mutations()->mutable_put();
    put.set_key(key);
    put.set_value(value);
    ++puts;
    bytes += size;
  }
  for (size_t part = 0; part < writes.size(); ++part) {
    writes[part].set_request_id(RequestId(writes[part], earlier, part, options));
  }
  return writes;
}

std::optional<v1::UpdateAccountRequest> UpdateFor(const Record& record,
                                                  const v1::ApplyRequest& last_write) {
  v1::UpdateAccountRequest update;
  auto& mask = *update.mutable_update_mask();
  if (record.labels.has_value()) {
    mask.add_paths("labels");
    for (const auto& [key, value] : *record.labels) (*update.mutable_labels())[key] = value;
  }
  if (record.limits.has_value()) {
    mask.add_paths("limits");
    update.mutable_limits()->set_entries_max(record.limits->entries_max);
    update.mutable_limits()->set_bytes_max(record.limits->bytes_max);
  }
  if (record.frozen.has_value()) {
    mask.add_paths("state");
    update.set_state(*record.frozen ? v1::ACCOUNT_STATE_FROZEN : v1::ACCOUNT_STATE_ACTIVE);
  }
  if (mask.paths().empty()) return std::nullopt;
  *update.mutable_account() = last_write.account();
  update.set_request_id(UpdateRequestId(update, last_write));
  return update;
}

bool IsDefault(const v1::UpdateAccountRequest& update) {
  return update.labels().empty() && update.limits().entries_max() == 0 &&
         update.limits().bytes_max() == 0 && update.state() != v1::ACCOUNT_STATE_FROZEN;
}

bool Sets(const v1::UpdateAccountRequest& update, const std::string& field) {
  const auto& fields = update.update_mask().paths();
  return std::find(fields.begin(), fields.end(), field) != fields.end();
}

std::string FreshRequestId(const std::string& request_id, uint64_t nonce) {
  RequestIdHash hash;
  hash.Add(request_id);
  hash.Add(nonce);
  return hash.Hex();
}

}  // namespace shardd::shardctl
