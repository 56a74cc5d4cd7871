#include "storage/rocks_open.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "rocksdb/cache.h"
#include "rocksdb/convenience.h"
#include "rocksdb/db.h"
#include "server/base/check.h"
#include "server/base/codec.h"
#include "server/base/status_macros.h"
#include "storage/folder_lock.h"
#include "storage/format.h"
#include "storage/log_check.h"
#include "storage/rocks_database.h"
#include "storage/rocks_listener.h"
#include "storage/rocks_status.h"
#include "storage/rocks_tuning.h"
#include "storage/watermark.h"

namespace shardd::storage {
namespace {

using rocksdb::kDefaultColumnFamilyName;

absl::Status CheckOptions(const RocksOptions& options) {
  if (options.write_buffer_bytes < size_t{4} << 20) {
    return MakeOpenError(OpenError::kInvalidOptions,
                         absl::StrCat("write_buffer_bytes is ", options.write_buffer_bytes,
                                      "; it must be 4 MiB or more"));
  }
  if (options.wal_bytes_max < options.write_buffer_bytes / 4) {
    return MakeOpenError(OpenError::kInvalidOptions,
                         absl::StrCat("wal_bytes_max is ", options.wal_bytes_max,
                                      "; it must be a quarter of write_buffer_bytes or more"));
  }
  return absl::OkStatus();
}

// An opened RocksDB and its handles, by the order of the families asked for.
struct Opened {
  std::unique_ptr<rocksdb::DB> database;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;

  Opened() = default;
  Opened(Opened&&) = default;
  Opened& operator=(Opened&&) = delete;
  ~Opened() {
    if (database == nullptr) return;
    for (rocksdb::ColumnFamilyHandle* handle : handles) {
      database->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
    }
  }
};

// The steps of opening a folder, in order. Until the last step nothing in it is changed, but for a
// MANIFEST whose end is torn.
class Opener {
 public:
  Opener(std::shared_ptr<rocksdb::FileSystem> files, RocksOptions options, FolderLock lock)
      : files_(std::move(files)),
        options_(std::move(options)),
        lock_(std::move(lock)),
        env_(rocksdb::NewCompositeEnv(files_)),
        failure_(std::make_shared<FailureLatch>(options_.on_failure)),
        deletions_(NewDeletions(env_.get())),
        background_gate_(
            std::make_shared<BackgroundGate>(RealClock(), options_.background_hold_max)),
        database_options_(DatabaseOptions(options_, env_.get())),
        family_options_(FamilyOptions(options_, rocksdb::NewLRUCache(options_.cache_bytes))) {
    database_options_.listeners.push_back(std::make_shared<RocksListener>(failure_));
    database_options_.create_missing_column_families = true;
  }

  absl::StatusOr<std::unique_ptr<Store>> Open() {
    SHARDD_ASSIGN_OR_RETURN(const bool exists, FolderHoldsDatabase());
    if (!exists) SHARDD_RETURN_IF_ERROR(Watermark::Create(*files_, options_.path));
    SHARDD_ASSIGN_OR_RETURN(watermark_, Watermark::Open(*files_, options_.path));
    if (exists) {
      SHARDD_RETURN_IF_ERROR(CheckManifestIsWhole());
      SHARDD_RETURN_IF_ERROR(ListFamilies());
      SHARDD_RETURN_IF_ERROR(CheckNothingIsLost());
      if (!has_messages_) SHARDD_RETURN_IF_ERROR(CheckHadNoMessages());
    }
    database_options_.create_if_missing = !exists;
    SHARDD_ASSIGN_OR_RETURN(Opened opened, OpenDatabase(/*read_only=*/false));
    SHARDD_RETURN_IF_ERROR(CheckRecovered(*opened.database));
    SHARDD_RETURN_IF_ERROR(CheckFormat(opened));
    auto store = std::make_unique<RocksDatabase>(MakeParts(std::move(opened)));
    // Opening moved what had been in the log into files that only the MANIFEST knows.
    SHARDD_RETURN_IF_ERROR(store->AdvanceWatermark());
    return store;
  }

 private:
  absl::Status Corrupt(absl::string_view what) const {
    return MakeOpenError(OpenError::kCorrupt,
                         absl::StrCat("data folder ", options_.path, " is damaged: ", what));
  }

  // Whether there is a database to open, as opposed to one to make. RocksDB would make a new one
  // beside the remains of the old one.
  absl::StatusOr<bool> FolderHoldsDatabase() {
    std::vector<std::string> names;
    const rocksdb::IOStatus status =
        files_->GetChildren(options_.path, rocksdb::IOOptions(), &names, nullptr);
    if (!status.ok()) return MakeOpenError(status, options_.path);
    const auto has = [&names](absl::string_view name) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    if (has("CURRENT") && has("WATERMARK")) return true;
    if (has("CURRENT")) return Corrupt("the file WATERMARK is missing");
    if (has("WATERMARK")) {
      SHARDD_ASSIGN_OR_RETURN(const auto watermark, Watermark::Open(*files_, options_.path));
      // At zero, the making of the folder was interrupted, and nothing was ever acknowledged.
      if (watermark->mark().sequence > 0) return Corrupt("the file CURRENT is missing");
      return false;
    }
    const bool remains = std::any_of(names.begin(), names.end(), [](absl::string_view name) {
      return absl::StartsWith(name, "MANIFEST-") || absl::EndsWith(name, ".sst");
    });
    if (remains) return Corrupt("the files CURRENT and WATERMARK are missing");
    return false;
  }

  absl::Status ListFamilies() {
    std::vector<std::string> names;
    const rocksdb::Status status =
        rocksdb::DB::ListColumnFamilies(database_options_, options_.path, &names);
    if (!status.ok()) return MakeOpenError(status, options_.path);
    std::vector<std::string> unknown;
    for (const std::string& name : names) {
      const std::optional<Family> family = ParseFamily(name);
      if (family.has_value() && IsHome(*family)) homes_.push_back(*family);
      if (family == kMessages) has_messages_ = true;
      if (!family.has_value() && name != kDefaultColumnFamilyName) unknown.push_back(name);
    }
    if (!unknown.empty()) return UnknownFamilies(unknown);
    const bool has_meta = std::find(names.begin(), names.end(), ToText(kMeta)) != names.end();
    if (!has_meta && watermark_->mark().sequence > 0) return Corrupt("the family meta is missing");
    return absl::OkStatus();
  }

  absl::Status UnknownFamilies(const std::vector<std::string>& names) const {
    return MakeOpenError(
        OpenError::kUnknownFamily,
        absl::StrCat("data folder ", options_.path, " holds unknown column families (",
                     absl::StrJoin(names, ", "),
                     "): it was written by another version or program; nothing was changed"));
  }

  // Opening for writing would throw away what recovery does not read, and the evidence with it, so
  // any doubt is settled first by opening for reading.
  absl::Status CheckNothingIsLost() {
    const uint64_t marked = watermark_->mark().sequence;
    SHARDD_ASSIGN_OR_RETURN(const LogSummary logs, CheckLogs(*files_, options_.path));
    synced_sequence_ = std::max(logs.last_sequence, marked);
    if (!logs.damaged && logs.last_sequence >= marked) return absl::OkStatus();
    SHARDD_ASSIGN_OR_RETURN(const Opened opened, OpenDatabase(/*read_only=*/true));
    return CheckRecovered(*opened.database);
  }

  // Opening for writing makes the family: after that it could not be told that it was lost.
  absl::Status CheckHadNoMessages() {
    if (watermark_->mark().sequence == 0) return absl::OkStatus();
    SHARDD_ASSIGN_OR_RETURN(const Opened opened, OpenDatabase(/*read_only=*/true));
    SHARDD_ASSIGN_OR_RETURN(const std::optional<uint16_t> format, ReadFormat(opened));
    if (format.value_or(0) < kFormatWithMessages) return absl::OkStatus();
    return Corrupt("the family messages is missing");
  }

  // Up to where it is known to be synced. A write behind that which the power cut short was not
  // acknowledged to anybody; RocksDB would not even list the families before it is gone.
  absl::Status CheckManifestIsWhole() const {
    SHARDD_ASSIGN_OR_RETURN(const ManifestSummary found, CheckManifest(*files_, options_.path));
    const SyncedMark& mark = watermark_->mark();
    const bool whole =
        found.number > mark.manifest_number ||
        (found.number == mark.manifest_number && found.whole_bytes >= mark.manifest_bytes);
    if (whole) return found.torn ? CutManifest(*files_, found) : absl::OkStatus();
    return Corrupt(absl::StrCat("MANIFEST ", mark.manifest_number, " was synced up to byte ",
                                mark.manifest_bytes, ", but only MANIFEST ", found.number,
                                " up to byte ", found.whole_bytes, " is whole"));
  }

  absl::Status CheckRecovered(const rocksdb::DB& database) const {
    const uint64_t recovered = database.GetLatestSequenceNumber();
    if (recovered >= synced_sequence_) return absl::OkStatus();
    return Corrupt(absl::StrCat("changes up to ", synced_sequence_,
                                " were synced, but only those up to ", recovered,
                                " can be recovered"));
  }

  absl::StatusOr<Opened> OpenDatabase(bool read_only) {
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    families.emplace_back(kDefaultColumnFamilyName, family_options_);
    families.emplace_back(ToText(kMeta), family_options_);
    for (const Family home : homes_) families.emplace_back(ToText(home), family_options_);
    // Last, since a folder of format 1 that is opened for reading has none.
    if (has_messages_ || !read_only) {
      families.emplace_back(ToText(kMessages), MessageFamilyOptions(family_options_));
    }
    if (!read_only) {
      database_options_.sst_file_manager = deletions_;
      database_options_.rate_limiter = background_gate_;
    }
    rocksdb::DB* database = nullptr;
    Opened opened;
    const rocksdb::Status status =
        read_only ? rocksdb::DB::OpenForReadOnly(database_options_, options_.path, families,
                                                 &opened.handles, &database)
                  : rocksdb::DB::Open(database_options_, options_.path, families, &opened.handles,
                                      &database);
    opened.database.reset(database);
    if (!status.ok()) return MakeOpenError(status, options_.path);
    return opened;
  }

  // nullopt: none is stored.
  absl::StatusOr<std::optional<uint16_t>> ReadFormat(const Opened& opened) const {
    std::string stored;
    const rocksdb::Status status =
        opened.database->Get(rocksdb::ReadOptions(), opened.handles[1],
                             rocksdb::Slice(kFormatKey.data(), kFormatKey.size()), &stored);
    if (status.IsNotFound()) return std::nullopt;
    if (!status.ok()) return MakeOpenError(status, options_.path);
    ByteReader reader(stored);
    const uint16_t version = reader.Fixed16();
    if (!reader.Done() || version == 0) return Corrupt("the format version is malformed");
    return version;
  }

  absl::Status CheckFormat(const Opened& opened) {
    SHARDD_ASSIGN_OR_RETURN(const std::optional<uint16_t> version, ReadFormat(opened));
    const bool empty = opened.database->GetLatestSequenceNumber() == 0;
    if (!version.has_value() && !empty) return Corrupt("the format version is missing");
    if (version.value_or(0) < kFormatVersion) return WriteFormat(opened, /*with_instance=*/empty);
    if (version == kFormatVersion) return absl::OkStatus();
    return MakeOpenError(
        OpenError::kNewerFormat,
        absl::StrCat("data folder ", options_.path, " has format version ", *version,
                     "; this version reads up to ", kFormatVersion, ": use a newer shardd"));
  }

  // The first batch of a folder; of one that an older version made, the first of this one: from
  // then on the older one refuses it.
  absl::Status WriteFormat(const Opened& opened, bool with_instance) {
    rocksdb::ColumnFamilyHandle* const meta = opened.handles[1];
    rocksdb::WriteBatch batch;
    rocksdb::Status status = batch.Put(meta, rocksdb::Slice(kFormatKey.data(), kFormatKey.size()),
                                       ByteWriter().Fixed16(kFormatVersion).Take());
    SHARDD_CHECK(status.ok());
    if (with_instance) {
      char instance[kInstanceBytes];
      SHARDD_CHECK(getentropy(instance, sizeof(instance)) == 0);
      status = batch.Put(meta, rocksdb::Slice(kInstanceKey.data(), kInstanceKey.size()),
                         rocksdb::Slice(instance, sizeof(instance)));
      SHARDD_CHECK(status.ok());
    }
    rocksdb::WriteOptions options;
    options.sync = true;
    status = opened.database->Write(options, &batch);
    return status.ok() ? absl::OkStatus() : MakeOpenError(status, options_.path);
  }

  RocksDatabase::Parts MakeParts(Opened opened) {
    std::map<Family, rocksdb::ColumnFamilyHandle*> families = {{kMeta, opened.handles[1]}};
    for (size_t i = 0; i < homes_.size(); ++i) families[homes_[i]] = opened.handles[i + 2];
    families[kMessages] = opened.handles.back();
    return {.lock = std::move(lock_),
            .options = std::move(options_),
            .files = std::move(files_),
            .env = std::move(env_),
            .failure = std::move(failure_),
            .watermark = std::move(watermark_),
            .family_options = std::move(family_options_),
            .deletions = std::move(deletions_),
            .background_gate = std::move(background_gate_),
            .database = std::move(opened.database),
            .default_family = opened.handles[0],
            .families = std::move(families)};
  }

  // Destroyed from the last to the first; RocksDB itself is gone before any of them.
  std::shared_ptr<rocksdb::FileSystem> files_;
  RocksOptions options_;
  FolderLock lock_;
  std::unique_ptr<rocksdb::Env> env_;
  std::shared_ptr<FailureLatch> failure_;
  std::shared_ptr<rocksdb::SstFileManager> deletions_;
  std::shared_ptr<BackgroundGate> background_gate_;
  rocksdb::DBOptions database_options_;
  rocksdb::ColumnFamilyOptions family_options_;
  std::unique_ptr<Watermark> watermark_;
  std::vector<Family> homes_;
  bool has_messages_ = false;
  uint64_t synced_sequence_ = 0;  // what recovery must reach
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenRocksStoreOn(
    std::shared_ptr<rocksdb::FileSystem> file_system, RocksOptions options) {
  SHARDD_RETURN_IF_ERROR(CheckOptions(options));
  SHARDD_ASSIGN_OR_RETURN(FolderLock lock, FolderLock::Take(options.path));
  return Opener(std::move(file_system), std::move(options), std::move(lock)).Open();
}

absl::StatusOr<std::unique_ptr<Store>> OpenRocksStore(RocksOptions options) {
  return OpenRocksStoreOn(rocksdb::FileSystem::Default(), std::move(options));
}

}  // namespace shardd::storage
