#include "server/http/server.h"

#include <civetweb.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/base/mutex.h"
#include "server/base/status_macros.h"
#include "server/http/listen_probe.h"
#include "server/runtime/service_thread.h"

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

constexpr absl::Duration kKnockInterval = absl::Milliseconds(10);

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
  SHARDD_ASSIGN_OR_RETURN(const SocketAddress probed, ProbeListen(options.host, options.port));
  const std::string address = ToText(probed);
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
  callbacks.init_thread = &Server::OnThreadStart;
  callbacks.exit_thread = &Server::OnThreadEnd;
  callbacks.begin_request = &Server::OnRequest;
  callbacks.log_message = &DropMessage;
  callbacks.log_access = &DropMessage;

  std::unique_ptr<Server> server(new Server(options.threads, std::move(handler)));
  server->context_ = mg_start(&callbacks, server.get(), settings);
  if (server->context_ == nullptr) {
    return absl::UnavailableError(absl::StrCat("cannot serve HTTP on ", address));
  }
  mg_server_port port{};
  if (mg_get_server_ports(server->context_, 1, &port) == 1) {
    server->port_ = static_cast<uint16_t>(port.port);
  }
  server->address_ = WithPort(probed, server->port_);
  return server;
}

Server::~Server() {
  if (context_ == nullptr) return;
  // The library notices that it should end when a connection arrives, else only every two seconds:
  // so we knock until it has ended.
  Mutex mutex;
  CondVar changed;
  bool ended = false;
  std::shared_ptr<ThreadRecord> record;
  if (threads_ != nullptr) {
    record = threads_->Register("http-stop", ThreadRole::kBackground, std::nullopt, nullptr);
  }
  ServiceThread knocker("http-stop", [&] {
    if (record != nullptr) record->EnterPhase(ThreadPhase::kIdle);
    MutexLock lock(mutex);
    while (!ended) {
      Knock(address_);
      changed.WaitFor(mutex, kKnockInterval);
    }
    if (record != nullptr) record->Stop();
  });
  mg_stop(context_);
  MutexLock lock(mutex);
  ended = true;
  changed.NotifyAll();
}

// The library keeps what this returns for the thread, and gives it back when the thread ends.
void* Server::OnThreadStart(const mg_context* context, int type) {
  constexpr int kWorkerThread = 1;
  const auto* server = static_cast<const Server*>(mg_get_user_data(context));
  if (server == nullptr || server->threads_ == nullptr) return nullptr;
  const char* const name = type == kWorkerThread ? "http-worker" : "http-listener";
  auto record = std::make_unique<std::shared_ptr<ThreadRecord>>(
      server->threads_->Register(name, ThreadRole::kBackground, std::nullopt, nullptr));
  (*record)->EnterPhase(ThreadPhase::kIdle);
  return record.release();
}

void Server::OnThreadEnd(const mg_context*, int, void* record) {
  if (record == nullptr) return;
  const std::unique_ptr<std::shared_ptr<ThreadRecord>> owned(
      static_cast<std::shared_ptr<ThreadRecord>*>(record));
  (*owned)->Stop();
}

int Server::OnRequest(mg_connection* connection) {
  const mg_request_info* info = mg_get_request_info(connection);
  const auto* server = static_cast<const Server*>(info->user_data);
  const auto* record =
      static_cast<std::shared_ptr<ThreadRecord>*>(mg_get_thread_pointer(connection));
  const Request request = RequestOf(*info);
  if (record != nullptr) (*record)->EnterPhase(ThreadPhase::kRunning);
  const Response response = server->Answer(request);
  if (record != nullptr) (*record)->EnterPhase(ThreadPhase::kReplying);
  Send(connection, request, response);
  if (record != nullptr) {
    (*record)->CountItems(1);
    (*record)->EnterPhase(ThreadPhase::kIdle);
  }
  return response.status;
}

Response Server::Answer(const Request& request) const {
  if (request.method != "GET" && request.method != "HEAD") {
    return {.status = 405, .body = "only GET and HEAD are served here\n", .allow = "GET, HEAD"};
  }
  return handler_(request);
}

}  // namespace shardd::http
