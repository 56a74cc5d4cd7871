#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace shardd {

// Where a port is opened. The host of an IPv6 address is without its brackets.
struct HostPort {
  std::string host;
  uint16_t port = 0;
  friend bool operator==(const HostPort&, const HostPort&) = default;
};

// "127.0.0.1:7400", "[::1]:7400", "localhost:0"; nullopt for anything else.
std::optional<HostPort> ParseHostPort(absl::string_view text);

// The way back.
std::string ToText(const HostPort& address);

// Whether only this machine can reach it: 127.0.0.0/8, ::1 and localhost.
bool IsLoopback(const HostPort& address);

}  // namespace shardd
