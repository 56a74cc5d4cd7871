#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/http/listen_probe.h"
#include "server/threads_tracking_service/thread_registry.h"

// civetweb stays inside server.cc.
struct mg_context;
struct mg_connection;

namespace shardd::http {

struct Request {
  std::string method;
  std::string path;   // decoded, without the query
  std::string query;  // as sent, without the "?"
};

struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body = "";
  std::string allow = "";  // methods, for status 405
};

// A small HTTP/1.1 server for an operator's tools: it answers GET and HEAD from one handler.
//
// It is no server for the public: few threads, one request a connection, small limits.
//
// Thread safety: the handler is called from several threads at a time.
// Lifetime: the destructor waits for requests that are being answered, then no more are.
class Server {
 public:
  struct Options {
    std::string host = "";
    uint16_t port = 0;  // 0 takes any free one
    // A client that is slower than this is hung up on.
    absl::Duration request_timeout = absl::Seconds(5);
    // Where its threads are registered; must outlive the server. nullptr: nowhere.
    ThreadRegistry* threads = nullptr;
  };
  using Handler = std::function<Response(const Request&)>;

  // Answers from now on. AlreadyExists: the port is held by somebody else; otherwise Unavailable or
  // InvalidArgument says why the address cannot be used.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Options& options, Handler handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  uint16_t port() const { return port_; }

  // What one server takes at most: it answers so many requests at a time, keeps so many connections
  // waiting, and reads requests (line and headers) up to this size.
  static constexpr size_t kThreads = 4;
  static constexpr size_t kWaitingMax = 16;
  static constexpr size_t kRequestBytesMax = 8192;

 private:
  Server(ThreadRegistry* threads, Handler handler)
      : threads_(threads), handler_(std::move(handler)) {}
  static void* OnThreadStart(const mg_context* context, int type);
  static void OnThreadEnd(const mg_context* context, int type, void* record);
  static int OnRequest(mg_connection* connection);
  Response Answer(const Request& request) const;

  ThreadRegistry* const threads_;
  const Handler handler_;
  mg_context* context_ = nullptr;
  uint16_t port_ = 0;
  SocketAddress address_;
};

}  // namespace shardd::http
