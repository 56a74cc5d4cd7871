#include "storage/rocks_tuning.h"

#include <sys/resource.h>

#include <algorithm>

#include "rocksdb/convenience.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/table.h"
#include "rocksdb/write_buffer_manager.h"

namespace shardd::storage {
namespace {

// Every SST open at once would make file descriptors and memory grow with the data; the rest of the
// descriptors is for sockets.
int OpenFilesMax(const RocksOptions& options) {
  if (options.open_files_max > 0) return options.open_files_max;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return 4096;
  return static_cast<int>(std::clamp<rlim_t>(limit.rlim_cur / 4, 64, 4096));
}

rocksdb::CompressionType BestCompression() {
  const std::vector<rocksdb::CompressionType> supported = rocksdb::GetSupportedCompressions();
  const bool lz4 =
      std::find(supported.begin(), supported.end(), rocksdb::kLZ4Compression) != supported.end();
  return lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
}

// A failed write leaves RocksDB's memory and its log apart, and its resuming has known holes: the
// owner stops and opens the folder again instead.
void NeverResume(rocksdb::DBOptions& database) { database.max_bgerror_resume_count = 0; }

// A file system takes tens of milliseconds to give back what a large file held, above all where it
// tells the disk what is free, and syncs of the log wait for it. So files that are no longer needed
// are cut down bit by bit, about half a millisecond each; faster than compactions leave them, or
// they would pile up.
constexpr int64_t kDeletedBytesPerSecond = int64_t{512} << 20;
constexpr uint64_t kDeletedBytesAtOnce = uint64_t{2} << 20;
// Of all bytes, theirs included, before further files are deleted whole: never. When space is
// scarce, PaceDeletions lets them go as fast as they can.
constexpr double kDeletedShareMax = 1.0;

void LimitMessageLog(rocksdb::DBOptions& database) {
  database.info_log_level = rocksdb::WARN_LEVEL;
  database.max_log_file_size = size_t{8} << 20;
  database.keep_log_file_num = 5;
  database.stats_dump_period_sec = 0;
  database.stats_persist_period_sec = 0;
}

}  // namespace

rocksdb::DBOptions DatabaseOptions(const RocksOptions& options, rocksdb::Env* env) {
  rocksdb::DBOptions database;
  database.env = env;
  database.paranoid_checks = true;
  database.max_open_files = OpenFilesMax(options);
  database.max_background_jobs = std::max(2, options.background_jobs);
  database.bytes_per_sync = uint64_t{1} << 20;  // spreads what a flush writes
  database.write_buffer_manager =
      std::make_shared<rocksdb::WriteBufferManager>(options.write_buffer_bytes);
  database.max_total_wal_size = options.wal_bytes_max;
  // A torn tail opens, and OpenRocksStoreOn finds what this mode would drop silently.
  database.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  // The watermark and the log check rely on one log record per write group, synced before the next.
  database.enable_pipelined_write = false;
  database.two_write_queues = false;
  database.unordered_write = false;
  database.manual_wal_flush = false;
  database.recycle_log_file_num = 0;
  database.allow_concurrent_memtable_write = true;
  database.atomic_flush = false;
  database.avoid_flush_during_recovery = false;  // what was replayed is written anew
  NeverResume(database);
  LimitMessageLog(database);
  return database;
}

rocksdb::ColumnFamilyOptions FamilyOptions(const RocksOptions& options,
                                           std::shared_ptr<rocksdb::Cache> cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = std::move(cache);
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_size = size_t{8} << 10;

  rocksdb::ColumnFamilyOptions family;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.compression = BestCompression();
  family.write_buffer_size = std::max(options.write_buffer_bytes / 4, size_t{1} << 20);
  // More than the default two, so that a slow flush does not stop every family's writes at once.
  family.max_write_buffer_number = 4;
  // A family takes a whole block at its first write, and there may be many small families.
  family.arena_block_size = size_t{256} << 10;
  family.level_compaction_dynamic_level_bytes = true;
  return family;
}

rocksdb::ColumnFamilyOptions MessageFamilyOptions(rocksdb::ColumnFamilyOptions family) {
  constexpr size_t kWriteBufferBytes = size_t{8} << 20;
  family.write_buffer_size = std::min(family.write_buffer_size, kWriteBufferBytes);
  return family;
}

std::shared_ptr<rocksdb::SstFileManager> NewDeletions(rocksdb::Env* env) {
  return std::shared_ptr<rocksdb::SstFileManager>(rocksdb::NewSstFileManager(
      env, /*info_log=*/nullptr, /*trash_dir=*/"", kDeletedBytesPerSecond,
      /*delete_existing_trash=*/true, /*status=*/nullptr, kDeletedShareMax, kDeletedBytesAtOnce));
}

void PaceDeletions(rocksdb::SstFileManager& deletions, const SpaceUsage& space) {
  const bool scarce = space.free_bytes / 2 < space.reserve_bytes;
  deletions.SetDeleteRateBytesPerSecond(scarce ? 0 : kDeletedBytesPerSecond);
}

}  // namespace shardd::storage
