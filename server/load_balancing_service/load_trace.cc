#include "server/load_balancing_service/load_trace.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/hash.h"
#include "server/base/status_macros.h"
#include "server/load_balancing_service/limits.h"
#include "server/load_balancing_service/value_codec.h"

namespace shardd {
namespace {

constexpr uint8_t kTraceVersion = 1;
constexpr absl::string_view kHeader = "shardd load trace 1\n";

absl::Status Broken(size_t record, absl::string_view why) {
  return Error(Reason::kStorageCorrupt,
               absl::StrCat("record ", record, " of the load trace cannot be used: ", why));
}

std::string EncodeRecord(const BalancingSnapshot& snapshot, bool samples,
                         absl::Span<const Decision> acted) {
  ByteWriter writer;
  writer.Byte(kTraceVersion).Bytes(snapshot.Encode(samples)).Varint(acted.size());
  for (const Decision& decision : acted) writer.Bytes(decision.Encode());
  return writer.Take();
}

std::string Frame(absl::string_view record) {
  SHARDD_CHECK(record.size() <= limits::kTraceRecordBytesMax);
  return ByteWriter(record.size() + 16).Bytes(record).Fixed64(StableHash64(record)).Take();
}

}  // namespace

std::string TraceRecord::Encode() const { return EncodeRecord(snapshot, true, acted); }

absl::StatusOr<TraceRecord> TraceRecord::Decode(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint8_t version = reader.Byte();
  TraceRecord record;
  SHARDD_ASSIGN_OR_RETURN(record.snapshot, BalancingSnapshot::Decode(reader.Bytes()));
  for (uint64_t left = GetCount(reader); left > 0 && reader.ok(); --left) {
    SHARDD_ASSIGN_OR_RETURN(Decision decision, Decision::Decode(reader.Bytes()));
    record.acted.push_back(std::move(decision));
  }
  if (version != kTraceVersion || !reader.Done()) {
    return Error(Reason::kStorageCorrupt, "a record of a load trace cannot be read");
  }
  return record;
}

absl::string_view TraceHeader() { return kHeader; }

std::string TraceFrame(const TraceRecord& record) { return Frame(record.Encode()); }

std::string TraceFrame(const BalancingSnapshot& snapshot, absl::Span<const Decision> decisions) {
  std::vector<Decision> acted;
  for (const Decision& decision : decisions) {
    if (decision.acts()) acted.push_back(decision);
  }
  const bool samples = snapshot.shards.size() <= limits::kTraceShardsSampled;
  return Frame(EncodeRecord(snapshot, samples, acted));
}

absl::StatusOr<LoadTrace> LoadTrace::Decode(absl::string_view bytes) {
  if (!absl::StartsWith(bytes, kHeader)) {
    return Error(Reason::kStorageCorrupt, "this is not a load trace that this version can read");
  }
  ByteReader reader(bytes.substr(kHeader.size()));
  LoadTrace trace;
  while (!reader.Done()) {
    const size_t number = trace.records.size() + 1;
    const absl::string_view payload = reader.Bytes();
    const uint64_t hash = reader.Fixed64();
    if (!reader.ok()) {
      trace.cut_short = true;
      break;
    }
    if (number > limits::kTraceRecordsMax) return Broken(number, "there are too many");
    if (payload.size() > limits::kTraceRecordBytesMax) return Broken(number, "it is too large");
    if (hash != StableHash64(payload)) return Broken(number, "its bytes were changed");
    absl::StatusOr<TraceRecord> record = TraceRecord::Decode(payload);
    if (!record.ok()) return Broken(number, record.status().message());
    const absl::Status valid = Validate(record->snapshot);
    if (!valid.ok()) return Broken(number, valid.message());
    trace.records.push_back(*std::move(record));
  }
  return trace;
}

}  // namespace shardd
