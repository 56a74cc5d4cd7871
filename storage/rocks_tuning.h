#pragma once

#include <memory>

#include "rocksdb/env.h"
#include "rocksdb/options.h"
#include "rocksdb/sst_file_manager.h"
#include "storage/rocks_store.h"
#include "storage/store.h"

namespace shardd::storage {

// How RocksDB is set up: the reasons are in the source.
rocksdb::DBOptions DatabaseOptions(const RocksOptions& options, rocksdb::Env* env);
rocksdb::ColumnFamilyOptions FamilyOptions(const RocksOptions& options,
                                           std::shared_ptr<rocksdb::Cache> cache);

// For the family of messages, from those of the others. Its records come and go at random places
// and few stay: a table that fits the processor's cache takes them a tenth faster.
rocksdb::ColumnFamilyOptions MessageFamilyOptions(rocksdb::ColumnFamilyOptions family);

// What deletes the files of a database that it no longer needs, bit by bit; one for each opening.
std::shared_ptr<rocksdb::SstFileManager> NewDeletions(rocksdb::Env* env);
// At once while less than twice the reserve is free.
void PaceDeletions(rocksdb::SstFileManager& deletions, const SpaceUsage& space);

}  // namespace shardd::storage
