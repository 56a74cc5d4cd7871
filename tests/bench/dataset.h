#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "server/base/random.h"

namespace shardd::bench {

struct DatasetOptions {
  // Empty: every account is its own namespace, so that they spread over all shards.
  std::string name_space = "bench";
  uint64_t accounts = 100'000;
  size_t value_bytes = 100;
  uint64_t seed = 1;
};

// The accounts and values every store is measured with: ids are drawn uniformly, values do not
// compress.
//
// Thread safety: none; the same seed draws the same sequence.
class Dataset {
 public:
  static constexpr absl::string_view kEntryKey = "balance";

  explicit Dataset(const DatasetOptions& options);

  // The id of account `number`; 15 bytes.
  static std::string Id(uint64_t number);

  // The number, or the id, of a random account.
  uint64_t RandomAccount() { return random_.Below(options_.accounts); }
  std::string RandomId() { return Id(RandomAccount()); }

  // A random value. Valid as long as this dataset.
  absl::string_view RandomValue();

  const DatasetOptions& options() const { return options_; }

 private:
  const DatasetOptions options_;
  Random random_;
  std::string pool_;
};

}  // namespace shardd::bench
