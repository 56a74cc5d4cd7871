#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace shardd::http {

// A numeric address and port.
struct SocketAddress {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};

// "127.0.0.1:7401", "[::1]:7401".
std::string ToText(const SocketAddress& address);
SocketAddress WithPort(SocketAddress address, uint16_t port);

// Opens host:port for a moment, to learn why it cannot be had: libraries say only that they failed.
// AlreadyExists: somebody holds the port. InvalidArgument: there is no such host. Unavailable:
// anything else.
absl::StatusOr<SocketAddress> ProbeListen(const std::string& host, uint16_t port);

// Connects and hangs up, so that whoever listens there wakes up. Errors do not matter.
void Knock(const SocketAddress& address);

}  // namespace shardd::http
