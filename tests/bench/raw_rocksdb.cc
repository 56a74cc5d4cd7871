// Writes synced batches straight into RocksDB from several threads: what shardd's durable puts are
// measured against. Prints what it measured as one line of JSON.
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/bench/dataset.h"
#include "tests/bench/meter.h"

namespace shardd::bench {
namespace {

struct Options {
  std::string data;
  int threads = 4;
  int batch = 256;
  double warm_up_seconds = 0.3;
  double seconds = 1;
  DatasetOptions dataset;
};

std::string Key(const std::string& id) { return absl::StrCat(id, "/", Dataset::kEntryKey); }

void Put(Dataset& dataset, const std::string& id, rocksdb::WriteBatch& batch) {
  const absl::string_view value = dataset.RandomValue();
  batch.Put(Key(id), rocksdb::Slice(value.data(), value.size()));
}

rocksdb::Status Open(const std::string& folder, std::unique_ptr<rocksdb::DB>& db) {
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* opened = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options, folder, &opened);
  db.reset(opened);
  return status;
}

// Writes every account once, so that the puts that are measured overwrite, as shardd's do.
rocksdb::Status Fill(rocksdb::DB& db, Dataset& dataset) {
  rocksdb::WriteBatch batch;
  for (uint64_t number = 0; number < dataset.options().accounts; ++number) {
    Put(dataset, Dataset::Id(number), batch);
  }
  rocksdb::WriteOptions synced;
  synced.sync = true;
  return db.Write(synced, &batch);
}

// The threads that write; each has its own draw, all share one meter.
class Writers {
 public:
  Writers(const Options& options, rocksdb::DB& db)
      : options_(options),
        db_(db),
        meter_({absl::Seconds(options.warm_up_seconds), absl::Seconds(options.seconds),
                static_cast<int>(getpid())}) {}

  // Writes until the window is over.
  rocksdb::Status Run() {
    std::vector<std::thread> threads;
    for (int i = 0; i < options_.threads; ++i) {
      threads.emplace_back([this, i] { Write(static_cast<uint64_t>(i)); });
    }
    for (std::thread& thread : threads) thread.join();
    if (failure_.ok() && !meter_.closed()) return rocksdb::Status::TimedOut("too few batches");
    return failure_;
  }

  nlohmann::json Report() const { return meter_.Report(); }

 private:
  void Write(uint64_t thread) {
    DatasetOptions draw = options_.dataset;
    draw.seed += thread;
    Dataset dataset(draw);
    rocksdb::WriteBatch batch;
    rocksdb::WriteOptions synced;
    synced.sync = true;
    while (true) {
      const MeterClock::time_point started = MeterClock::now();
      batch.Clear();
      for (int i = 0; i < options_.batch; ++i) Put(dataset, dataset.RandomId(), batch);
      if (Noted(started, db_.Write(synced, &batch))) return;
    }
  }

  // Notes one batch; true if the thread is to stop.
  bool Noted(MeterClock::time_point started, const rocksdb::Status& status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!status.ok()) failure_ = status;
    const MeterClock::time_point now = MeterClock::now();
    meter_.Record(started, now, static_cast<uint64_t>(options_.batch));
    return meter_.Over(now) || !failure_.ok();
  }

  const Options& options_;
  rocksdb::DB& db_;
  // Taken once a batch, which takes far longer: a message would not be cheaper.
  std::mutex mutex_;
  Meter meter_;
  rocksdb::Status failure_;
};

int Fail(const rocksdb::Status& status) {
  std::cerr << "error: rocksdb: " << status.ToString() << "\n";
  return 1;
}

int Main(const Options& options) {
  std::unique_ptr<rocksdb::DB> db;
  if (const rocksdb::Status status = Open(options.data, db); !status.ok()) return Fail(status);
  Dataset dataset(options.dataset);
  if (const rocksdb::Status status = Fill(*db, dataset); !status.ok()) return Fail(status);
  Writers writers(options, *db);
  if (const rocksdb::Status status = writers.Run(); !status.ok()) return Fail(status);
  std::cout << writers.Report().dump() << "\n";
  return 0;
}

}  // namespace
}  // namespace shardd::bench

int main(int argc, char** argv) {
  CLI::App app("Writes synced batches into RocksDB and prints what it measured as JSON");
  shardd::bench::Options options;
  app.add_option("--data", options.data, "Folder of the database")->required();
  app.add_option("--threads", options.threads, "Threads that write");
  app.add_option("--batch", options.batch, "Puts in a batch");
  app.add_option("--warm-up", options.warm_up_seconds, "Seconds before the window");
  app.add_option("--seconds", options.seconds, "Seconds of the window");
  app.add_option("--accounts", options.dataset.accounts, "Accounts to draw from");
  app.add_option("--value-bytes", options.dataset.value_bytes, "Length of a value");
  app.add_option("--seed", options.dataset.seed, "Seed of the draw");
  CLI11_PARSE(app, argc, argv);
  return shardd::bench::Main(options);
}
