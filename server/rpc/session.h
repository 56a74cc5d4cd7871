#pragma once

#include "absl/status/statusor.h"
#include "server/core/event.h"
#include "server/rpc/shard_frames.h"
#include "shardd/v1/admin.pb.h"
#include "shardd/v1/state.pb.h"

namespace shardd::rpc {

// StateService.Session. Reads go through the workers too, so that they see the writes sent before
// them.
struct SessionTraits {
  using Request = v1::SessionRequest;
  using Response = v1::SessionResponse;
  static constexpr const char* kField = "operations";
  static int Count(const Request& request) { return request.operations_size(); }
  static size_t CountChanges(const Request& request);
  static absl::StatusOr<ShardRequest> Take(Request& request, int i);
  static void Fill(ShardAnswer& answer, Response& response, int i);
  static v1::OperationError* ErrorOf(Response& response, int i);
};
using Session = ShardFrames<SessionTraits>;

// AdminService.Import.
struct ImportTraits {
  using Request = v1::ImportRequest;
  using Response = v1::ImportResponse;
  static constexpr const char* kField = "records";
  static int Count(const Request& request) { return request.records_size(); }
  static size_t CountChanges(const Request&) { return 0; }
  static absl::StatusOr<ShardRequest> Take(Request& request, int i);
  static void Fill(ShardAnswer& answer, Response& response, int i);
  static v1::OperationError* ErrorOf(Response& response, int i);
};
using Import = ShardFrames<ImportTraits>;

}  // namespace shardd::rpc
