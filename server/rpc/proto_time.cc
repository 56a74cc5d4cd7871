#include "server/rpc/proto_time.h"

namespace shardd::rpc {

void ToProto(absl::Time time, google::protobuf::Timestamp& proto) {
  const timespec since_epoch = absl::ToTimespec(time);
  proto.set_seconds(since_epoch.tv_sec);
  proto.set_nanos(static_cast<int32_t>(since_epoch.tv_nsec));
}

void ToProto(absl::Duration duration, google::protobuf::Duration& proto) {
  const int64_t seconds = absl::IDivDuration(duration, absl::Seconds(1), &duration);
  proto.set_seconds(seconds);
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
}

absl::Duration FromProto(const google::protobuf::Duration& proto) {
  return absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

}  // namespace shardd::rpc
