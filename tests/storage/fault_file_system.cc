#include "tests/storage/fault_file_system.h"

#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "tests/storage/store_fixture.h"

namespace shardd::storage {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

class FaultFileSystem::WritableFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WritableFile(FaultFileSystem& files, std::string path, std::unique_ptr<FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), files_(files), path_(std::move(path)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = files_.Check(FileOperation::kAppend, path_);
    if (status.ok()) status = FSWritableFileOwnerWrapper::Append(data, options, debug);
    if (status.ok()) files_.NoteAppended(path_, data.size());
    return status;
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = files_.Check(FileOperation::kSync, path_);
    if (status.ok()) status = FSWritableFileOwnerWrapper::Sync(options, debug);
    if (status.ok()) files_.NoteSynced(path_);
    return status;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return Sync(options, debug);
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    const IOStatus status = FSWritableFileOwnerWrapper::Truncate(size, options, debug);
    if (status.ok()) files_.NoteTruncated(path_, size);
    return status;
  }

 private:
  FaultFileSystem& files_;
  const std::string path_;
};

class FaultFileSystem::OverwritableFile final : public rocksdb::FSRandomRWFileOwnerWrapper {
 public:
  OverwritableFile(FaultFileSystem& files, std::string path, std::unique_ptr<FSRandomRWFile> file)
      : FSRandomRWFileOwnerWrapper(std::move(file)), files_(files), path_(std::move(path)) {}

  IOStatus Write(uint64_t offset, const Slice& data, const IOOptions& options,
                 IODebugContext* debug) override {
    IOStatus status = files_.Check(FileOperation::kOverwrite, path_);
    if (!status.ok()) return status;
    files_.NoteOverwriting(path_, offset, data.size());
    return FSRandomRWFileOwnerWrapper::Write(offset, data, options, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = files_.Check(FileOperation::kSync, path_);
    if (status.ok()) status = FSRandomRWFileOwnerWrapper::Sync(options, debug);
    if (status.ok()) files_.NoteSynced(path_);
    return status;
  }

 private:
  FaultFileSystem& files_;
  const std::string path_;
};

class FaultFileSystem::Directory final : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(FaultFileSystem& files, std::string path, std::unique_ptr<FSDirectory> directory)
      : FSDirectoryWrapper(std::move(directory)), files_(files), path_(std::move(path)) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = files_.Check(FileOperation::kSyncFolder, path_);
    if (status.ok()) status = FSDirectoryWrapper::Fsync(options, debug);
    if (status.ok()) files_.NoteFolderSynced();
    return status;
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions&) override {
    return Fsync(options, debug);
  }

 private:
  FaultFileSystem& files_;
  const std::string path_;
};

void FaultFileSystem::SetFault(std::optional<Fault> fault) {
  MutexLock lock(mutex_);
  fault_ = std::move(fault);
  matched_ = 0;
  fired_ = 0;
}

uint64_t FaultFileSystem::fired() const {
  MutexLock lock(mutex_);
  return fired_;
}

void FaultFileSystem::LosePower(Random& random) {
  MutexLock lock(mutex_);
  for (const auto& [path, written] : written_) LoseTail(path, written, random);
  for (auto at = overwritten_.rbegin(); at != overwritten_.rend(); ++at) {
    if (random.OneIn(2)) continue;
    std::string bytes = ReadWholeFile(at->path);
    bytes.replace(at->offset, at->old_bytes.size(), at->old_bytes);
    WriteWholeFile(at->path, bytes);
  }
  // A journal keeps the order of what happens in a folder: some of it is lost, from the end.
  const size_t kept = random.Below(folder_changes_.size() + 1);
  while (folder_changes_.size() > kept) {
    Undo(folder_changes_.back());
    folder_changes_.pop_back();
  }
  folder_changes_.clear();
  overwritten_.clear();
  written_.clear();
}

IOStatus FaultFileSystem::NewWritableFile(const std::string& path,
                                          const rocksdb::FileOptions& options,
                                          std::unique_ptr<rocksdb::FSWritableFile>* file,
                                          IODebugContext* debug) {
  IOStatus status = Check(FileOperation::kCreate, path);
  if (status.ok()) status = FileSystemWrapper::NewWritableFile(path, options, file, debug);
  if (!status.ok()) return status;
  *file = std::make_unique<WritableFile>(*this, path, std::move(*file));
  MutexLock lock(mutex_);
  written_[path] = {};
  folder_changes_.push_back({FolderChange::Kind::kCreated, path, "", std::nullopt});
  return status;
}

IOStatus FaultFileSystem::ReopenWritableFile(const std::string& path,
                                             const rocksdb::FileOptions& options,
                                             std::unique_ptr<rocksdb::FSWritableFile>* file,
                                             IODebugContext* debug) {
  const IOStatus status = FileSystemWrapper::ReopenWritableFile(path, options, file, debug);
  if (!status.ok()) return status;
  *file = std::make_unique<WritableFile>(*this, path, std::move(*file));
  const uint64_t bytes = std::filesystem::file_size(path);
  MutexLock lock(mutex_);
  written_.try_emplace(path, Written{bytes, bytes});
  return status;
}

IOStatus FaultFileSystem::NewRandomRWFile(const std::string& path,
                                          const rocksdb::FileOptions& options,
                                          std::unique_ptr<rocksdb::FSRandomRWFile>* file,
                                          IODebugContext* debug) {
  const IOStatus status = FileSystemWrapper::NewRandomRWFile(path, options, file, debug);
  if (status.ok()) *file = std::make_unique<OverwritableFile>(*this, path, std::move(*file));
  return status;
}

IOStatus FaultFileSystem::NewDirectory(const std::string& path, const IOOptions& options,
                                       std::unique_ptr<rocksdb::FSDirectory>* directory,
                                       IODebugContext* debug) {
  const IOStatus status = FileSystemWrapper::NewDirectory(path, options, directory, debug);
  if (status.ok()) *directory = std::make_unique<Directory>(*this, path, std::move(*directory));
  return status;
}

IOStatus FaultFileSystem::RenameFile(const std::string& from, const std::string& to,
                                     const IOOptions& options, IODebugContext* debug) {
  IOStatus status = Check(FileOperation::kRename, to);
  if (!status.ok()) return status;
  std::optional<std::string> old_bytes;
  if (std::filesystem::exists(to)) old_bytes = ReadWholeFile(to);
  status = FileSystemWrapper::RenameFile(from, to, options, debug);
  if (!status.ok()) return status;
  MutexLock lock(mutex_);
  if (written_.contains(from)) {
    written_[to] = written_[from];
    written_.erase(from);
  }
  folder_changes_.push_back({FolderChange::Kind::kRenamed, from, to, std::move(old_bytes)});
  return status;
}

IOStatus FaultFileSystem::DeleteFile(const std::string& path, const IOOptions& options,
                                     IODebugContext* debug) {
  IOStatus status = Check(FileOperation::kDelete, path);
  if (!status.ok() || !std::filesystem::exists(path)) return status;
  std::string old_bytes = ReadWholeFile(path);
  status = FileSystemWrapper::DeleteFile(path, options, debug);
  if (!status.ok()) return status;
  MutexLock lock(mutex_);
  written_.erase(path);
  folder_changes_.push_back({FolderChange::Kind::kDeleted, path, "", std::move(old_bytes)});
  return status;
}

IOStatus FaultFileSystem::Check(FileOperation operation, const std::string& path) {
  MutexLock lock(mutex_);
  if (!fault_.has_value()) return IOStatus::OK();
  if (fault_->operation.has_value() && *fault_->operation != operation) return IOStatus::OK();
  const std::string name = std::filesystem::path(path).filename();
  // RocksDB's message log may fail at any time; that says nothing about data.
  if (absl::StartsWith(name, "LOG") || !absl::StrContains(name, fault_->name)) {
    return IOStatus::OK();
  }
  ++matched_;
  const bool fails = fault_->sticky ? matched_ > fault_->skip : matched_ == fault_->skip + 1;
  if (!fails) return IOStatus::OK();
  ++fired_;
  return fault_->status;
}

void FaultFileSystem::NoteAppended(const std::string& path, uint64_t bytes) {
  MutexLock lock(mutex_);
  written_[path].bytes += bytes;
}

void FaultFileSystem::NoteSynced(const std::string& path) {
  MutexLock lock(mutex_);
  const auto found = written_.find(path);
  if (found != written_.end()) found->second.synced_bytes = found->second.bytes;
  std::erase_if(overwritten_, [&path](const Overwritten& one) { return one.path == path; });
}

void FaultFileSystem::NoteTruncated(const std::string& path, uint64_t bytes) {
  MutexLock lock(mutex_);
  Written& written = written_[path];
  written.bytes = bytes;
  written.synced_bytes = std::min(written.synced_bytes, bytes);
}

void FaultFileSystem::NoteOverwriting(const std::string& path, uint64_t offset, uint64_t bytes) {
  std::string old_bytes = ReadWholeFile(path).substr(offset, bytes);
  MutexLock lock(mutex_);
  overwritten_.push_back({path, offset, std::move(old_bytes)});
}

void FaultFileSystem::NoteFolderSynced() {
  MutexLock lock(mutex_);
  folder_changes_.clear();
}

void FaultFileSystem::LoseTail(const std::string& path, const Written& written, Random& random) {
  if (written.bytes == written.synced_bytes || !std::filesystem::exists(path)) return;
  std::string bytes = ReadWholeFile(path);
  const uint64_t kept =
      written.synced_bytes + random.Below(written.bytes - written.synced_bytes + 1);
  if (kept < bytes.size()) bytes.resize(kept);
  // Pages reach the disk in any order: one may still hold what was there before.
  if (kept > written.synced_bytes && random.OneIn(2)) {
    const uint64_t from = written.synced_bytes + random.Below(kept - written.synced_bytes);
    for (uint64_t i = from; i < bytes.size(); ++i) bytes[i] = '\0';
  }
  WriteWholeFile(path, bytes);
}

void FaultFileSystem::Undo(const FolderChange& change) {
  std::error_code ignored;  // an earlier part of the chain may be gone
  switch (change.kind) {
    case FolderChange::Kind::kCreated:
      std::filesystem::remove(change.path, ignored);
      return;
    case FolderChange::Kind::kRenamed:
      std::filesystem::rename(change.renamed_to, change.path, ignored);
      if (change.old_bytes.has_value()) WriteWholeFile(change.renamed_to, *change.old_bytes);
      return;
    case FolderChange::Kind::kDeleted:
      WriteWholeFile(change.path, *change.old_bytes);
      return;
  }
}

}  // namespace shardd::storage
