#include "tests/bench/dataset.h"

namespace shardd::bench {
namespace {

// Values are slices of this many random bytes, so that drawing one costs the client next to
// nothing.
constexpr size_t kPoolBytes = size_t{1} << 20;

}  // namespace

Dataset::Dataset(const DatasetOptions& options) : options_(options), random_(options.seed) {
  pool_.reserve(kPoolBytes + options_.value_bytes);
  while (pool_.size() < kPoolBytes + options_.value_bytes) {
    pool_.push_back(static_cast<char>(random_.Next() & 0xff));
  }
}

std::string Dataset::Id(uint64_t number) {
  std::string id = "account-0000000";
  for (size_t i = id.size(); number != 0 && id[--i] != '-'; number /= 10) {
    id[i] = static_cast<char>('0' + number % 10);
  }
  return id;
}

absl::string_view Dataset::RandomValue() {
  return absl::string_view(pool_).substr(random_.Below(kPoolBytes), options_.value_bytes);
}

}  // namespace shardd::bench
