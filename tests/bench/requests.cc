#include "tests/bench/requests.h"

#include <string>

namespace shardd::bench {
namespace {

void Put(Dataset& dataset, std::string id, v1::ApplyRequest& request) {
  if (request.mutations_size() == 0) {
    request.mutable_account()->set_namespace_(dataset.options().name_space);
    request.add_mutations()->mutable_put()->set_key(std::string(Dataset::kEntryKey));
  }
  request.mutable_account()->set_id(std::move(id));
  const absl::string_view value = dataset.RandomValue();
  request.mutable_mutations(0)->mutable_put()->set_value(value.data(), value.size());
}

}  // namespace

void FillPut(Dataset& dataset, v1::ApplyRequest& request) {
  Put(dataset, dataset.RandomId(), request);
}

void FillGet(Dataset& dataset, v1::GetRequest& request) {
  if (request.keys_size() == 0) {
    request.mutable_account()->set_namespace_(dataset.options().name_space);
    request.add_keys(std::string(Dataset::kEntryKey));
  }
  request.mutable_account()->set_id(dataset.RandomId());
}

void FillCreate(Dataset& dataset, uint64_t number, v1::ApplyRequest& request) {
  Put(dataset, Dataset::Id(number), request);
  request.set_create_account(true);
}

bool IsPutAnswer(const v1::ApplyResponse& response) { return response.revision() > 0; }

bool IsGetAnswer(const Dataset& dataset, const v1::GetResponse& response) {
  return response.entries_size() == 1 &&
         response.entries(0).value().size() == dataset.options().value_bytes;
}

}  // namespace shardd::bench
