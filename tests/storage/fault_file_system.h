#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "rocksdb/file_system.h"
#include "server/base/mutex.h"
#include "server/base/random.h"

namespace shardd::storage {

enum class FileOperation { kCreate, kAppend, kOverwrite, kSync, kSyncFolder, kRename, kDelete };

// Which call fails, and how.
struct Fault {
  std::optional<FileOperation> operation = std::nullopt;  // nullopt: any
  std::string name = "";                                  // part of the file's name; empty: any
  uint64_t skip = 0;                                      // calls that match and still work
  bool sticky = true;                                     // all later ones that match fail too
  rocksdb::IOStatus status = {};
};

// The real file system, with faults on demand and a memory of what a loss of power would undo.
//
// Thread safety: all methods from any thread; LosePower alone.
class FaultFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  FaultFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FaultFileSystem"; }

  void SetFault(std::optional<Fault> fault);
  // How many calls failed since SetFault.
  uint64_t fired() const;

  // Undoes what was not synced, each part of it or not as `random` says: the tails of files, which
  // may also be garbled, new files, renames, deletions and overwritten bytes. REQUIRES: no file is
  // open.
  void LosePower(Random& random);

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewRandomRWFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSRandomRWFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

 private:
  class WritableFile;
  class OverwritableFile;
  class Directory;

  struct Written {
    uint64_t bytes = 0;
    uint64_t synced_bytes = 0;
  };
  // Undone from the last to the first.
  struct FolderChange {
    enum class Kind { kCreated, kRenamed, kDeleted } kind;
    std::string path;
    std::string renamed_to;
    std::optional<std::string> old_bytes;  // of what was deleted or renamed over
  };
  struct Overwritten {
    std::string path;
    uint64_t offset = 0;
    std::string old_bytes;
  };

  // OK, or the fault of this call.
  rocksdb::IOStatus Check(FileOperation operation, const std::string& path);
  void NoteAppended(const std::string& path, uint64_t bytes);
  void NoteSynced(const std::string& path);
  void NoteTruncated(const std::string& path, uint64_t bytes);
  void NoteOverwriting(const std::string& path, uint64_t offset, uint64_t bytes);
  void NoteFolderSynced();
  void LoseTail(const std::string& path, const Written& written, Random& random);
  void Undo(const FolderChange& change);

  mutable Mutex mutex_;
  std::optional<Fault> fault_ ABSL_GUARDED_BY(mutex_);
  uint64_t matched_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t fired_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Written> written_ ABSL_GUARDED_BY(mutex_);
  std::vector<FolderChange> folder_changes_ ABSL_GUARDED_BY(mutex_);
  std::vector<Overwritten> overwritten_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shardd::storage
