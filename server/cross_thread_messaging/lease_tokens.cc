#include "server/cross_thread_messaging/lease_tokens.h"

#include <string>

#include "server/base/codec.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "storage/write_set.h"

namespace shardd {
namespace {

constexpr absl::string_view kStartsKey = "starts";
constexpr int kTokenBits = 40;  // of one run: a trillion leases

}  // namespace

absl::StatusOr<uint64_t> FirstLeaseOfRun(storage::Store& store) {
  std::string bytes;
  SHARDD_ASSIGN_OR_RETURN(const bool found,
                          store.Get(storage::kMeta, std::string(kStartsKey), &bytes));
  uint64_t starts = 0;
  if (found) {
    ByteReader reader(bytes);
    starts = reader.Fixed64();
    if (!reader.Done() || starts >> (64 - kTokenBits) != 0) {
      return Error(Reason::kStorageCorrupt, "the stored number of starts cannot be read");
    }
  }
  storage::WriteSet batch;
  batch.Put(storage::kMeta, std::string(kStartsKey), ByteWriter(8).Fixed64(starts + 1).Take());
  SHARDD_RETURN_IF_ERROR(store.Commit(batch));
  return starts << kTokenBits;
}

}  // namespace shardd
