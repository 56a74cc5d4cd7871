#pragma once

#include "absl/strings/string_view.h"

namespace shardd::rpc {

// What gRPC itself has to say, which it would print on standard error in a form of its own.
// `error`: something failed (a port that cannot be had, a connection that spoke no HTTP/2);
// otherwise it is of interest to developers only. Called on any thread, gRPC's own too; must not
// call gRPC.
using GrpcLogFunction = void (*)(bool error, absl::string_view message);

// Sends it there, for the whole process. Call it before anything else of this room.
void SendGrpcLogTo(GrpcLogFunction log);

}  // namespace shardd::rpc
