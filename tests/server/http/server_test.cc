#include "server/http/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace shardd::http {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

int Connect(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  return fd;
}

// Everything the server sends until it hangs up.
std::string ReadAll(int fd) {
  std::string answer;
  char buffer[4096];
  ssize_t count;
  while ((count = read(fd, buffer, sizeof(buffer))) > 0) answer.append(buffer, count);
  close(fd);
  return answer;
}

std::string Exchange(uint16_t port, const std::string& bytes) {
  const int fd = Connect(port);
  EXPECT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  return ReadAll(fd);
}

std::string Line(const std::string& method, const std::string& target) {
  return absl::StrCat(method, " ", target, " HTTP/1.1\r\nHost: x\r\n\r\n");
}

Response Echo(const Request& request) {
  return {.status = request.path == "/503" ? 503 : 200,
          .body = absl::StrCat(request.method, " ", request.path, " ?", request.query)};
}

std::unique_ptr<Server> StartServer(Server::Handler handler = Echo) {
  auto server = Server::Start({.host = "127.0.0.1", .request_timeout = absl::Milliseconds(500)},
                              std::move(handler));
  EXPECT_TRUE(server.ok()) << server.status();
  return *std::move(server);
}

// Plan: start on any port; ask over it and compare whole answers.
TEST(HttpServerTest, AnswersOnThePortItSays) {
  const std::unique_ptr<Server> server = StartServer();
  ASSERT_NE(server->port(), 0);
  EXPECT_EQ(Exchange(server->port(), Line("GET", "/a?b=c")),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 11\r\n"
            "Cache-Control: no-store\r\nConnection: close\r\n\r\nGET /a ?b=c");
  EXPECT_THAT(Exchange(server->port(), Line("GET", "/503")),
              StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  const std::string head = Exchange(server->port(), Line("HEAD", "/a"));
  EXPECT_THAT(head, HasSubstr("Content-Length: 9\r\n"));
  EXPECT_THAT(head, ::testing::EndsWith("\r\n\r\n"));
}

// Plan: send every other method and broken requests; none reaches the handler, none is answered
// with 200.
TEST(HttpServerTest, RefusesWhatIsNotGetOrHead) {
  bool reached = false;
  const std::unique_ptr<Server> server = StartServer([&reached](const Request&) {
    reached = true;
    return Response{};
  });
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"}) {
    const std::string answer = Exchange(server->port(), Line(method, "/livez"));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 ")) << method;
    EXPECT_THAT(answer, HasSubstr("Allow: GET, HEAD\r\n")) << method;
  }
  const std::string broken[] = {
      "\r\n\r\n",
      "GET\r\n\r\n",
      "BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /a HTTP/9.9\r\nHost: x\r\n\r\n",
      std::string("\x16\x03\x01\x00\x01\r\n\r\n", 9),
      absl::StrCat("GET /a HTTP/1.1\r\nHost: ", std::string(Server::kRequestBytesMax, 'x'),
                   "\r\n\r\n"),
  };
  for (const std::string& bytes : broken) {
    EXPECT_THAT(Exchange(server->port(), bytes), ::testing::Not(HasSubstr(" 200 OK")))
        << bytes.substr(0, 40);
  }
  EXPECT_FALSE(reached);
}

// Plan: hold every thread with a client that never finishes its request; the server hangs up on
// them and then answers a polite one.
TEST(HttpServerTest, SilentClientsAreHungUpOn) {
  const std::unique_ptr<Server> server = StartServer();
  std::vector<int> silent;
  for (size_t i = 0; i < Server::kThreads; ++i) {
    silent.push_back(Connect(server->port()));
    EXPECT_EQ(send(silent.back(), "GET /", 5, MSG_NOSIGNAL), 5);
  }
  EXPECT_THAT(Exchange(server->port(), Line("GET", "/a")), StartsWith("HTTP/1.1 200 OK"));
  for (const int fd : silent) EXPECT_THAT(ReadAll(fd), ::testing::Not(HasSubstr(" 200 OK")));
}

// Plan: start a second server on the first one's port, then on addresses that cannot be; the first
// is told apart from the others.
TEST(HttpServerTest, AHeldPortIsToldApart) {
  const std::unique_ptr<Server> server = StartServer();
  const auto second = Server::Start({.host = "127.0.0.1", .port = server->port()}, Echo);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr(absl::StrCat("cannot listen on 127.0.0.1:", server->port())));
  EXPECT_EQ(Server::Start({.host = "192.0.2.1"}, Echo).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(Server::Start({.host = "no such host"}, Echo).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Exchange(server->port(), Line("GET", "/a")), StartsWith("HTTP/1.1 200 OK"));
}

// Plan: stop a server and start another on the same port at once.
TEST(HttpServerTest, ThePortIsFreeAfterStop) {
  std::unique_ptr<Server> server = StartServer();
  const uint16_t port = server->port();
  EXPECT_THAT(Exchange(port, Line("GET", "/a")), StartsWith("HTTP/1.1 200 OK"));
  server.reset();
  const auto second = Server::Start({.host = "127.0.0.1", .port = port}, Echo);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ((*second)->port(), port);
}

}  // namespace
}  // namespace shardd::http
