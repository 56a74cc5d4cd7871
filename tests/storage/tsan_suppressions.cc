// ThreadSanitizer cannot see the synchronisation inside the packaged RocksDB, which is not built
// for it: reports with RocksDB on either side are left out, all others stay in.
extern "C" const char* __tsan_default_suppressions() {
  return "race:librocksdb.so\n"
         "race:shardd::storage::RocksDatabase::CommitToRocks\n";
}
