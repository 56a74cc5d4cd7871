#include "server/rpc/proto_time.h"

#include "absl/strings/str_cat.h"
#include "server/base/error.h"

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

absl::StatusOr<absl::Duration> DurationFrom(const google::protobuf::Duration& proto,
                                            absl::Duration max) {
  const absl::Duration duration = FromProto(proto);
  const bool whole = proto.nanos() >= 0 && proto.nanos() < 1'000'000'000;
  if (whole && duration > absl::ZeroDuration() && duration <= max) return duration;
  return InvalidField(
      "duration", absl::StrCat("is ", absl::FormatDuration(duration),
                               "; it must be more than 0 and at most ", absl::FormatDuration(max)));
}

}  // namespace shardd::rpc
