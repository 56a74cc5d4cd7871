#include "storage/log_check.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "storage/crc32c.h"
#include "storage/rocks_status.h"

namespace shardd::storage {
namespace {

// The log's format: blocks of 32 KiB hold fragments, each with a header of checksum (4 bytes),
// length (2) and type (1), all little-endian; what is left of a block below a header's size is
// zeros. A record is one FULL fragment, or FIRST, any MIDDLE, LAST. Its bytes are a write batch:
// sequence number (8), count of changes (4), changes.
constexpr size_t kBlockBytes = 32768;
constexpr size_t kHeaderBytes = 7;
constexpr size_t kBatchHeaderBytes = 12;
enum FragmentType : uint8_t { kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

const rocksdb::IOOptions kIo;

uint64_t LittleEndian(absl::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) {
    value = value << 8 | static_cast<uint8_t>(bytes[i - 1]);
  }
  return value;
}

// Puts fragments together and notes what the whole records say.
class LogChecker {
 public:
  explicit LogChecker(LogSummary& summary) : summary_(summary) {}

  void Block(absl::string_view block) {
    while (block.size() >= kHeaderBytes) {
      const size_t length = LittleEndian(block.substr(4, 2));
      if (kHeaderBytes + length > block.size() || !ChecksumMatches(block, length)) {
        return Damaged();  // the length may be wrong: go on at the next block
      }
      Fragment(static_cast<uint8_t>(block[6]), block.substr(kHeaderBytes, length));
      block.remove_prefix(kHeaderBytes + length);
    }
    // The padding of a full block; at the end of the file, a torn header.
    if (block.find_first_not_of('\0') != absl::string_view::npos) Damaged();
  }

  void End() {
    if (in_record_) Damaged();
  }

 private:
  static bool ChecksumMatches(absl::string_view block, size_t length) {
    const auto stored = static_cast<uint32_t>(LittleEndian(block.substr(0, 4)));
    return stored == MaskedCrc32c(block.substr(6, 1 + length));
  }

  void Fragment(uint8_t type, absl::string_view bytes) {
    const bool starts = type == kFull || type == kFirst;
    const bool known = type >= kFull && type <= kLast;
    if (!known || starts == in_record_) {
      Damaged();
      if (!starts) return;
    }
    if (starts) header_.clear();
    in_record_ = true;
    if (header_.size() < kBatchHeaderBytes) {
      header_.append(bytes.data(), std::min(bytes.size(), kBatchHeaderBytes - header_.size()));
    }
    if (type == kFull || type == kLast) Record();
  }

  void Record() {
    in_record_ = false;
    if (header_.size() < kBatchHeaderBytes) return Damaged();
    const uint64_t sequence = LittleEndian(absl::string_view(header_).substr(0, 8));
    const uint64_t count = LittleEndian(absl::string_view(header_).substr(8, 4));
    if (count > 0) summary_.last_sequence = std::max(summary_.last_sequence, sequence + count - 1);
  }

  void Damaged() {
    summary_.damaged = true;
    in_record_ = false;
  }

  LogSummary& summary_;
  bool in_record_ = false;
  std::string header_;  // the first bytes of the record being read
};

// Reads until the block is full or the file ends.
rocksdb::IOStatus ReadBlock(rocksdb::FSSequentialFile& file, std::string* block) {
  block->resize(kBlockBytes);
  size_t filled = 0;
  while (filled < kBlockBytes) {
    rocksdb::Slice bytes;
    char* const target = block->data() + filled;
    const rocksdb::IOStatus status = file.Read(kBlockBytes - filled, kIo, &bytes, target, nullptr);
    if (!status.ok()) return status;
    if (bytes.empty()) break;
    if (bytes.data() != target) std::memmove(target, bytes.data(), bytes.size());
    filled += bytes.size();
  }
  block->resize(filled);
  return rocksdb::IOStatus::OK();
}

rocksdb::IOStatus CheckLog(rocksdb::FileSystem& files, const std::string& path,
                           LogSummary& summary) {
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  rocksdb::IOStatus status = files.NewSequentialFile(path, rocksdb::FileOptions(), &file, nullptr);
  LogChecker checker(summary);
  std::string block;
  while (status.ok()) {
    status = ReadBlock(*file, &block);
    if (!status.ok() || block.empty()) break;
    checker.Block(block);
  }
  checker.End();
  return status;
}

bool IsLogName(absl::string_view name) {
  if (!absl::EndsWith(name, ".log")) return false;
  name.remove_suffix(4);
  return !name.empty() && std::all_of(name.begin(), name.end(), absl::ascii_isdigit);
}

}  // namespace

absl::StatusOr<LogSummary> CheckLogs(rocksdb::FileSystem& files, const std::string& folder) {
  std::vector<std::string> names;
  rocksdb::IOStatus status = files.GetChildren(folder, kIo, &names, nullptr);
  LogSummary summary;
  for (const std::string& name : names) {
    if (!status.ok()) break;
    if (IsLogName(name)) status = CheckLog(files, absl::StrCat(folder, "/", name), summary);
  }
  if (!status.ok()) return MakeOpenError(status, folder);
  return summary;
}

}  // namespace shardd::storage
