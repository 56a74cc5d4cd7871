#include "storage/watermark.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/codec.h"
#include "server/base/hash.h"
#include "server/base/status_macros.h"
#include "storage/rocks_status.h"

namespace shardd::storage {
namespace {

constexpr absl::string_view kMagic = "shardwm1";
constexpr size_t kSlotBytes = 40;
constexpr size_t kSlots = 2;
constexpr uint64_t kSlotDistance = 4096;  // so that no torn page or sector hits both

const rocksdb::IOOptions kMarkIo;

std::string EncodeSlot(const SyncedMark& mark) {
  ByteWriter writer(kSlotBytes);
  writer.Raw(kMagic);
  writer.Fixed64(mark.sequence).Fixed64(mark.manifest_number).Fixed64(mark.manifest_bytes);
  const uint64_t checksum = StableHash64(writer.view());
  return writer.Fixed64(checksum).Take();
}

std::optional<SyncedMark> DecodeSlot(absl::string_view bytes) {
  ByteReader reader(bytes);
  const absl::string_view magic = reader.Raw(kMagic.size());
  SyncedMark mark;
  mark.sequence = reader.Fixed64();
  mark.manifest_number = reader.Fixed64();
  mark.manifest_bytes = reader.Fixed64();
  const uint64_t checksum = reader.Fixed64();
  const bool whole = reader.Done() && magic == kMagic &&
                     checksum == StableHash64(bytes.substr(0, kSlotBytes - sizeof(checksum)));
  return whole ? std::optional(mark) : std::nullopt;
}

std::pair<uint64_t, uint64_t> ManifestOf(const SyncedMark& mark) {
  return {mark.manifest_number, mark.manifest_bytes};
}

// The higher of both, part by part.
SyncedMark Highest(const SyncedMark& a, const SyncedMark& b) {
  SyncedMark highest = ManifestOf(a) < ManifestOf(b) ? b : a;
  highest.sequence = std::max(a.sequence, b.sequence);
  return highest;
}

rocksdb::IOStatus WriteNewFile(rocksdb::FileSystem& files, const std::string& path) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  rocksdb::IOStatus status = files.NewWritableFile(path, rocksdb::FileOptions(), &file, nullptr);
  if (!status.ok()) return status;
  std::string bytes = EncodeSlot(SyncedMark());
  bytes.resize(kSlotDistance, '\0');
  bytes += EncodeSlot(SyncedMark());
  status = file->Append(bytes, kMarkIo, nullptr);
  if (status.ok()) status = file->Sync(kMarkIo, nullptr);
  const rocksdb::IOStatus closed = file->Close(kMarkIo, nullptr);
  return status.ok() ? closed : status;
}

rocksdb::IOStatus SyncFolder(rocksdb::FileSystem& files, const std::string& folder) {
  std::unique_ptr<rocksdb::FSDirectory> directory;
  const rocksdb::IOStatus status = files.NewDirectory(folder, kMarkIo, &directory, nullptr);
  return status.ok() ? directory->Fsync(kMarkIo, nullptr) : status;
}

absl::StatusOr<std::optional<SyncedMark>> ReadSlot(rocksdb::FSRandomRWFile& file, size_t slot,
                                                   const std::string& path) {
  std::array<char, kSlotBytes> buffer;
  rocksdb::Slice bytes;
  const rocksdb::IOStatus status =
      file.Read(slot * kSlotDistance, kSlotBytes, kMarkIo, &bytes, buffer.data(), nullptr);
  if (!status.ok()) return MakeOpenError(status, path);
  return DecodeSlot(absl::string_view(bytes.data(), bytes.size()));
}

}  // namespace

std::string Watermark::PathIn(const std::string& folder) {
  return absl::StrCat(folder, "/WATERMARK");
}

absl::Status Watermark::Create(rocksdb::FileSystem& files, const std::string& folder) {
  const std::string path = PathIn(folder);
  const std::string fresh = absl::StrCat(path, ".tmp");
  rocksdb::IOStatus status = WriteNewFile(files, fresh);
  if (status.ok()) status = files.RenameFile(fresh, path, kMarkIo, nullptr);
  if (status.ok()) status = SyncFolder(files, folder);
  return status.ok() ? absl::OkStatus() : MakeOpenError(status, folder);
}

absl::StatusOr<std::unique_ptr<Watermark>> Watermark::Open(rocksdb::FileSystem& files,
                                                           const std::string& folder) {
  const std::string path = PathIn(folder);
  std::unique_ptr<rocksdb::FSRandomRWFile> file;
  const rocksdb::IOStatus status =
      files.NewRandomRWFile(path, rocksdb::FileOptions(), &file, nullptr);
  if (!status.ok()) return MakeOpenError(status, folder);
  std::optional<SyncedMark> newest;
  size_t newest_slot = 0;
  for (size_t slot = 0; slot < kSlots; ++slot) {
    SHARDD_ASSIGN_OR_RETURN(const std::optional<SyncedMark> found, ReadSlot(*file, slot, path));
    if (!found.has_value()) continue;
    // No part ever sinks, so the newer slot is at least as high in both.
    if (newest.has_value() && Highest(*newest, *found) == *newest) continue;
    newest = found;
    newest_slot = slot;
  }
  if (!newest.has_value()) {
    return MakeOpenError(OpenError::kCorrupt, absl::StrCat(path, " is damaged"));
  }
  return std::unique_ptr<Watermark>(new Watermark(std::move(file), *newest, newest_slot));
}

rocksdb::IOStatus Watermark::Advance(const SyncedMark& mark) {
  const SyncedMark next = Highest(mark_, mark);
  if (next == mark_) return rocksdb::IOStatus::OK();
  const size_t slot = (newest_slot_ + 1) % kSlots;
  rocksdb::IOStatus status = file_->Write(slot * kSlotDistance, EncodeSlot(next), kMarkIo, nullptr);
  if (status.ok()) status = file_->Sync(kMarkIo, nullptr);
  if (!status.ok()) return status;
  mark_ = next;
  newest_slot_ = slot;
  return status;
}

}  // namespace shardd::storage
