#pragma once

#include <string>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "client/shardctl/rows.h"
#include "shardd/v1/state.pb.h"

namespace shardd::shardctl {

// The options of `state apply`: preconditions and mutations. Their order on the command line is
// their order in the request.
class ApplyArguments {
 public:
  void AddTo(CLI::App* app);

  // The request with its preconditions and mutations, once the command line has been read.
  absl::StatusOr<v1::ApplyRequest> Read() const;

 private:
  CLI::App* app_ = nullptr;
};

// What a mutation did: as JSON, and in words.
std::pair<Json, std::string> MutationOutcome(const v1::Mutation& mutation,
                                             const v1::MutationResult& result);

}  // namespace shardd::shardctl
