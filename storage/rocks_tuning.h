#pragma once

#include <memory>

#include "rocksdb/env.h"
#include "rocksdb/options.h"
#include "storage/rocks_store.h"

namespace shardd::storage {

// How RocksDB is set up: the reasons are in the source.
rocksdb::DBOptions DatabaseOptions(const RocksOptions& options, rocksdb::Env* env);
rocksdb::ColumnFamilyOptions FamilyOptions(const RocksOptions& options,
                                           std::shared_ptr<rocksdb::Cache> cache);

}  // namespace shardd::storage
