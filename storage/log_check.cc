#include "storage/log_check.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/status_macros.h"
#include "storage/crc32c.h"
#include "storage/rocks_status.h"

namespace shardd::storage {
namespace {

// The format of logs and of the MANIFEST: blocks of 32 KiB hold fragments, each with a header of
// checksum (4 bytes), length (2) and type (1), all little-endian; what is left of a block below a
// header's size is zeros. A record is one FULL fragment, or FIRST, any MIDDLE, LAST.
constexpr size_t kBlockBytes = 32768;
constexpr size_t kHeaderBytes = 7;
enum FragmentType : uint8_t { kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

// A log's record is a write batch: sequence number (8), count of changes (4), changes.
constexpr size_t kBatchHeaderBytes = 12;

const rocksdb::IOOptions kLogIo;

uint64_t LittleEndian(absl::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) {
    value = value << 8 | static_cast<uint8_t>(bytes[i - 1]);
  }
  return value;
}

// Finds the whole records of one file, past damage too.
class RecordFinder {
 public:
  // `on_record` gets the first bytes of every whole record, at most kBatchHeaderBytes.
  explicit RecordFinder(std::function<void(absl::string_view)> on_record)
      : on_record_(std::move(on_record)) {}

  // REQUIRES: all blocks but the last are kBlockBytes long.
  void Block(const absl::string_view block) {
    size_t at = 0;
    while (block.size() - at >= kHeaderBytes) {
      const absl::string_view rest = block.substr(at);
      const size_t length = LittleEndian(rest.substr(4, 2));
      const bool never_written = length == 0 && rest[6] == 0;
      // Without a length there is no next fragment to look at before the next block.
      if (never_written || kHeaderBytes + length > rest.size()) break;
      at += kHeaderBytes + length;
      const bool whole = ChecksumMatches(rest, length);
      whole ? Fragment(rest[6], rest.substr(kHeaderBytes, length), start_ + at) : Damaged();
    }
    // Padding is expected at the end of a full block; nothing, at the end of the file.
    const bool padded = block.size() == kBlockBytes && block.size() - at < kHeaderBytes;
    if (at < block.size() && !padded) Damaged();
    if (!block.empty()) last_byte_ = block.back();
    start_ += block.size();
  }

  void End() {
    if (in_record_) Damaged();
  }

  bool damaged() const { return damaged_; }
  // The only damage is behind all whole records, up to the end, and that is a zero: what of the
  // last write never reached the disk reads as zeros.
  bool torn() const { return damaged_ && !whole_behind_damage_ && last_byte_ == '\0'; }
  // Where the last whole record before the first damage ends.
  uint64_t whole_bytes() const { return whole_bytes_; }

 private:
  static bool ChecksumMatches(absl::string_view fragment, size_t length) {
    const auto stored = static_cast<uint32_t>(LittleEndian(fragment.substr(0, 4)));
    return stored == MaskedCrc32c(fragment.substr(6, 1 + length));
  }

  void Fragment(char type, absl::string_view bytes, uint64_t end) {
    const bool starts = type == kFull || type == kFirst;
    const bool known = type >= kFull && type <= kLast;
    if (!known || starts == in_record_) Damaged();
    if (!starts && !in_record_) return;
    if (starts) head_.clear();
    in_record_ = true;
    head_.append(bytes.data(), std::min(bytes.size(), kBatchHeaderBytes - head_.size()));
    if (type == kFirst || type == kMiddle) return;
    in_record_ = false;
    if (damaged_) {
      whole_behind_damage_ = true;
    } else {
      whole_bytes_ = end;
    }
    on_record_(head_);
  }

  void Damaged() {
    damaged_ = true;
    in_record_ = false;
  }

  const std::function<void(absl::string_view)> on_record_;
  uint64_t start_ = 0;  // of the block
  uint64_t whole_bytes_ = 0;
  bool damaged_ = false;
  bool whole_behind_damage_ = false;
  char last_byte_ = '\0';
  bool in_record_ = false;
  std::string head_;  // of the record being read
};

// Reads until the block is full or the file ends.
rocksdb::IOStatus ReadBlock(rocksdb::FSSequentialFile& file, std::string* block) {
  block->resize(kBlockBytes);
  size_t filled = 0;
  while (filled < kBlockBytes) {
    rocksdb::Slice bytes;
    char* const target = block->data() + filled;
    const rocksdb::IOStatus status =
        file.Read(kBlockBytes - filled, kLogIo, &bytes, target, nullptr);
    if (!status.ok()) return status;
    if (bytes.empty()) break;
    if (bytes.data() != target) std::memmove(target, bytes.data(), bytes.size());
    filled += bytes.size();
  }
  block->resize(filled);
  return rocksdb::IOStatus::OK();
}

rocksdb::IOStatus FindRecords(rocksdb::FileSystem& files, const std::string& path,
                              RecordFinder& finder) {
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  rocksdb::IOStatus status = files.NewSequentialFile(path, rocksdb::FileOptions(), &file, nullptr);
  std::string block(kBlockBytes, '\0');
  while (status.ok() && block.size() == kBlockBytes) {
    status = ReadBlock(*file, &block);
    if (status.ok()) finder.Block(block);
  }
  finder.End();
  return status;
}

rocksdb::IOStatus CheckLog(rocksdb::FileSystem& files, const std::string& path,
                           LogSummary& summary) {
  RecordFinder finder([&summary](absl::string_view head) {
    if (head.size() < kBatchHeaderBytes) return;
    const uint64_t sequence = LittleEndian(head.substr(0, 8));
    const uint64_t count = LittleEndian(head.substr(8, 4));
    if (count > 0) summary.last_sequence = std::max(summary.last_sequence, sequence + count - 1);
  });
  const rocksdb::IOStatus status = FindRecords(files, path, finder);
  summary.damaged = summary.damaged || finder.damaged();
  return status;
}

bool IsNumber(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

bool IsLogName(absl::string_view name) {
  return absl::ConsumeSuffix(&name, ".log") && IsNumber(name);
}

}  // namespace

absl::StatusOr<LogSummary> CheckLogs(rocksdb::FileSystem& files, const std::string& folder) {
  std::vector<std::string> names;
  rocksdb::IOStatus status = files.GetChildren(folder, kLogIo, &names, nullptr);
  LogSummary summary;
  for (const std::string& name : names) {
    if (!status.ok()) break;
    if (IsLogName(name)) status = CheckLog(files, absl::StrCat(folder, "/", name), summary);
  }
  if (!status.ok()) return MakeOpenError(status, folder);
  return summary;
}

absl::StatusOr<ManifestSummary> CheckManifest(rocksdb::FileSystem& files,
                                              const std::string& folder) {
  std::string current;
  rocksdb::IOStatus status =
      rocksdb::ReadFileToString(&files, absl::StrCat(folder, "/CURRENT"), &current);
  if (!status.ok()) return MakeOpenError(status, folder);
  const absl::string_view name = absl::StripTrailingAsciiWhitespace(current);
  const std::optional<uint64_t> number = ParseManifestName(name);
  if (!number.has_value()) {
    return MakeOpenError(OpenError::kCorrupt, absl::StrCat(folder, "/CURRENT is damaged"));
  }
  RecordFinder finder([](absl::string_view) {});
  const std::string path = absl::StrCat(folder, "/", name);
  status = FindRecords(files, path, finder);
  if (!status.ok()) return MakeOpenError(status, folder);
  return ManifestSummary{path, *number, finder.whole_bytes(), finder.torn()};
}

absl::Status CutManifest(rocksdb::FileSystem& files, const ManifestSummary& manifest) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  rocksdb::IOStatus status =
      files.ReopenWritableFile(manifest.path, rocksdb::FileOptions(), &file, nullptr);
  if (status.ok()) status = file->Truncate(manifest.whole_bytes, kLogIo, nullptr);
  if (status.ok()) status = file->Fsync(kLogIo, nullptr);
  if (status.ok()) status = file->Close(kLogIo, nullptr);
  return status.ok() ? absl::OkStatus() : MakeOpenError(status, manifest.path);
}

std::optional<uint64_t> ParseManifestName(absl::string_view name) {
  uint64_t number = 0;
  if (!absl::ConsumePrefix(&name, "MANIFEST-") || !IsNumber(name)) return std::nullopt;
  if (!absl::SimpleAtoi(name, &number)) return std::nullopt;
  return number;
}

}  // namespace shardd::storage
