#pragma once

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace shardd::rpc {

void ToProto(absl::Time time, google::protobuf::Timestamp& proto);
void ToProto(absl::Duration duration, google::protobuf::Duration& proto);
absl::Duration FromProto(const google::protobuf::Duration& proto);

// What a caller gives as `duration`. kInvalidField unless it is well-formed, above 0 and at most
// `max`.
absl::StatusOr<absl::Duration> DurationFrom(const google::protobuf::Duration& proto,
                                            absl::Duration max);

}  // namespace shardd::rpc
