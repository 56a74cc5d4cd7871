#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

#include "absl/strings/string_view.h"

namespace shardd::bench {

struct DatasetOptions {
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
  static constexpr absl::string_view kNamespace = "bench";
  static constexpr absl::string_view kEntryKey = "balance";

  explicit Dataset(const DatasetOptions& options);

  // The id of account `number`; 15 bytes.
  static std::string Id(uint64_t number);

  // The id of a random account.
  std::string RandomId() { return Id(random_() % options_.accounts); }

  // A random value. Valid as long as this dataset.
  absl::string_view RandomValue();

  const DatasetOptions& options() const { return options_; }

 private:
  const DatasetOptions options_;
  std::mt19937_64 random_;
  std::string pool_;
};

}  // namespace shardd::bench
