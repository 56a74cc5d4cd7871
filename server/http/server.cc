#include "server/http/server.h"

#include <civetweb.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"

namespace shardd::http {
namespace {

absl::string_view PhraseOf(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 503:
      return "Service Unavailable";
    default:
      return "Internal Server Error";
  }
}

std::string AddressText(const std::string& host, uint16_t port) {
  return absl::StrContains(host, ':') ? absl::StrCat("[", host, "]:", port)
                                      : absl::StrCat(host, ":", port);
}

absl::Status BindError(int error, const std::string& address) {
  const std::string message =
      absl::StrCat("cannot listen on ", address, ": ", std::strerror(error));
  return error == EADDRINUSE ? absl::AlreadyExistsError(message) : absl::UnavailableError(message);
}

absl::Status TryToBind(const addrinfo& address, const std::string& text) {
  const int fd = socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC, 0);
  if (fd < 0) return BindError(errno, text);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  int error = 0;
  if (bind(fd, address.ai_addr, address.ai_addrlen) != 0 || listen(fd, 1) != 0) error = errno;
  close(fd);
  return error == 0 ? absl::OkStatus() : BindError(error, text);
}

// The numeric form of `host`, which civetweb wants, once it is certain that the port can be opened.
// civetweb itself does not tell a held port from other troubles.
absl::StatusOr<std::string> UsableHost(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failure = getaddrinfo(host.c_str(), absl::StrCat(port).c_str(), &hints, &found);
  if (failure != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot find host ", host, ": ", gai_strerror(failure)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, &freeaddrinfo);
  SHARDD_RETURN_IF_ERROR(TryToBind(*found, AddressText(host, port)));
  char numeric[NI_MAXHOST] = {};
  if (getnameinfo(found->ai_addr, found->ai_addrlen, numeric, sizeof(numeric), nullptr, 0,
                  NI_NUMERICHOST) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("host ", host, " has no address"));
  }
  return std::string(numeric);
}

// A failed start is told by its Status, and civetweb has nothing else to say that matters.
int DropMessage(const mg_connection*, const char*) { return 1; }

Request RequestOf(const mg_request_info& info) {
  Request request;
  if (info.request_method != nullptr) request.method = info.request_method;
  if (info.local_uri != nullptr) request.path = info.local_uri;
  if (info.query_string != nullptr) request.query = info.query_string;
  return request;
}

void Send(mg_connection* connection, const Request& request, const Response& response) {
  std::string head = absl::StrCat("HTTP/1.1 ", response.status, " ", PhraseOf(response.status),
                                  "\r\nContent-Type: ", response.content_type,
                                  "\r\nContent-Length: ", response.body.size(),
                                  "\r\nCache-Control: no-store\r\nConnection: close\r\n");
  if (!response.allow.empty()) absl::StrAppend(&head, "Allow: ", response.allow, "\r\n");
  absl::StrAppend(&head, "\r\n", request.method == "HEAD" ? "" : response.body);
  mg_write(connection, head.data(), head.size());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Options& options, Handler handler) {
  SHARDD_ASSIGN_OR_RETURN(const std::string host, UsableHost(options.host, options.port));
  const std::string address = AddressText(host, options.port);
  const std::string timeout = absl::StrCat(absl::ToInt64Milliseconds(options.request_timeout));
  const std::string threads = absl::StrCat(kThreads);
  const std::string waiting = absl::StrCat(kWaitingMax);
  const std::string request_bytes = absl::StrCat(kRequestBytesMax);
  const char* settings[] = {"listening_ports",
                            address.c_str(),
                            "num_threads",
                            threads.c_str(),
                            "connection_queue",
                            waiting.c_str(),
                            "max_request_size",
                            request_bytes.c_str(),
                            "request_timeout_ms",
                            timeout.c_str(),
                            "enable_keep_alive",
                            "no",
                            nullptr};
  mg_callbacks callbacks{};
  callbacks.begin_request = &Server::OnRequest;
  callbacks.log_message = &DropMessage;
  callbacks.log_access = &DropMessage;

  std::unique_ptr<Server> server(new Server(std::move(handler)));
  server->context_ = mg_start(&callbacks, server.get(), settings);
  if (server->context_ == nullptr) {
    return absl::UnavailableError(absl::StrCat("cannot serve HTTP on ", address));
  }
  mg_server_port port{};
  if (mg_get_server_ports(server->context_, 1, &port) == 1) {
    server->port_ = static_cast<uint16_t>(port.port);
  }
  return server;
}

Server::~Server() {
  if (context_ != nullptr) mg_stop(context_);
}

int Server::OnRequest(mg_connection* connection) {
  const mg_request_info* info = mg_get_request_info(connection);
  const auto* server = static_cast<const Server*>(info->user_data);
  const Request request = RequestOf(*info);
  const Response response = server->Answer(request);
  Send(connection, request, response);
  return response.status;
}

Response Server::Answer(const Request& request) const {
  if (request.method != "GET" && request.method != "HEAD") {
    return {.status = 405, .body = "only GET and HEAD are served here\n", .allow = "GET, HEAD"};
  }
  return handler_(request);
}

}  // namespace shardd::http
