#include "server/shard_state_operations/rehome.h"

#include <utility>
#include <vector>

#include "server/account/record_key.h"
#include "server/base/check.h"
#include "server/base/codec.h"
#include "server/base/error.h"

namespace shardd {
namespace {

constexpr uint8_t kRehomeVersion = 1;

storage::Family GetHome(ByteReader& reader) {
  const uint64_t number = reader.Varint();
  return storage::Family{number > storage::kHomeNumberMax ? 0 : static_cast<uint32_t>(number)};
}

}  // namespace

std::string RehomeRecord::Encode() const {
  ByteWriter writer;
  writer.Byte(kRehomeVersion)
      .Varint(operation.value)
      .Varint(from.number)
      .Varint(to.number)
      .Byte(static_cast<uint8_t>(stage))
      .Byte(clear)
      .Byte(copied)
      .Bytes(cursor);
  return writer.Take();
}

absl::StatusOr<RehomeRecord> RehomeRecord::Decode(absl::string_view bytes) {
  ByteReader reader(bytes);
  const uint8_t version = reader.Byte();
  RehomeRecord record;
  record.operation = OperationId{reader.Varint()};
  record.from = GetHome(reader);
  record.to = GetHome(reader);
  record.stage = static_cast<RehomeStage>(reader.Byte());
  record.clear = reader.Byte() != 0;
  record.copied = reader.Byte() != 0;
  record.cursor = std::string(reader.Bytes());
  const bool known =
      record.stage >= RehomeStage::kCopying && record.stage <= RehomeStage::kAbandoning;
  if (version != kRehomeVersion || !reader.Done() || !known || record.operation.value == 0 ||
      !IsHome(record.from) || !IsHome(record.to) || record.from == record.to) {
    return Error(Reason::kStorageCorrupt, "a stored rehome cannot be read");
  }
  return record;
}

std::string RehomeKey(ShardId shard) {
  return ByteWriter().Raw("rehome/").Fixed64(shard.value).Take();
}

Rehome::Rehome(ShardId shard, KeyRange range, RehomeRecord record)
    : shard_(shard),
      range_(range),
      record_(std::move(record)),
      published_(record_.stage == RehomeStage::kClearing) {}

std::optional<storage::Family> Rehome::AlsoWrite(absl::string_view key) const {
  if (ended_) return std::nullopt;
  switch (record_.stage) {
    case RehomeStage::kCopying:
      if (record_.copied || key <= record_.cursor) return record_.to;
      return std::nullopt;
    case RehomeStage::kClearing:
      if (!published_) return record_.from;
      return std::nullopt;
    case RehomeStage::kAbandoning:
      break;
  }
  return std::nullopt;
}

bool Rehome::Moves() const {
  switch (record_.stage) {
    case RehomeStage::kCopying:
      return !record_.copied;
    case RehomeStage::kClearing:
      return published_;
    case RehomeStage::kAbandoning:
      break;
  }
  return true;
}

absl::StatusOr<size_t> Rehome::Step(const storage::Reader& view, Pace pace,
                                    storage::WriteSet& batch) {
  SHARDD_CHECK(HasWork());
  return record_.stage == RehomeStage::kCopying ? Copy(view, pace, batch)
                                                : Clear(view, pace, batch);
}

absl::StatusOr<size_t> Rehome::Copy(const storage::Reader& view, Pace pace,
                                    storage::WriteSet& batch) {
  std::vector<storage::Change> found;
  size_t bytes = 0;
  const auto cursor = view.NewCursor(record_.from, BoundsOf(range_));
  if (record_.cursor.empty()) {
    cursor->SeekToFirst();
  } else {
    cursor->Seek(record_.cursor);
    if (cursor->Valid() && cursor->key() == record_.cursor) cursor->Next();
  }
  for (; cursor->Valid() && found.size() < pace.records && bytes < pace.bytes; cursor->Next()) {
    found.push_back({std::string(cursor->key()), std::string(cursor->value())});
    bytes += found.back().key.size() + found.back().value->size();
  }
  if (!cursor->status().ok()) return cursor->status();
  record_.copied = !cursor->Valid();
  if (!found.empty()) record_.cursor = found.back().key;
  for (storage::Change& change : found) {
    batch.Set(record_.to, std::move(change.key), std::move(change.value));
  }
  Write(batch);
  return found.size();
}

storage::Family Rehome::Left() const {
  return record_.stage == RehomeStage::kClearing ? record_.from : record_.to;
}

absl::StatusOr<size_t> Rehome::Clear(const storage::Reader& view, Pace pace,
                                     storage::WriteSet& batch) {
  std::vector<std::string> found;
  if (record_.clear) {
    size_t bytes = 0;
    const auto cursor = view.NewCursor(Left(), BoundsOf(range_));
    if (cleared_.empty()) {
      cursor->SeekToFirst();
    } else {
      cursor->Seek(cleared_);
    }
    for (; cursor->Valid() && found.size() < pace.records && bytes < pace.bytes; cursor->Next()) {
      found.emplace_back(cursor->key());
      bytes += found.back().size() + cursor->value().size();
    }
    if (!cursor->status().ok()) return cursor->status();
    ended_ = !cursor->Valid();
  } else {
    ended_ = true;
  }
  if (!found.empty()) cleared_ = found.back();
  for (std::string& key : found) batch.Delete(Left(), std::move(key));
  if (ended_) batch.Delete(storage::kMeta, RehomeKey(shard_));
  return found.size();
}

void Rehome::TablePublished(bool clear) {
  record_.clear = clear;
  published_ = true;
}

void Rehome::Switch(storage::WriteSet& batch) {
  SHARDD_CHECK(record_.stage == RehomeStage::kCopying && record_.copied);
  record_.stage = RehomeStage::kClearing;
  record_.clear = true;
  record_.copied = false;
  record_.cursor.clear();
  Write(batch);
}

void Rehome::Abandon(bool clear, storage::WriteSet& batch) {
  SHARDD_CHECK(record_.stage == RehomeStage::kCopying);
  record_.stage = RehomeStage::kAbandoning;
  record_.clear = clear;
  record_.copied = false;
  record_.cursor.clear();
  Write(batch);
}

void Rehome::Write(storage::WriteSet& batch) const {
  batch.Put(storage::kMeta, RehomeKey(shard_), record_.Encode());
}

}  // namespace shardd
