#pragma once

#include <hiredis/hiredis.h>

#include <initializer_list>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace shardd::bench {

struct FreeRedisReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using RedisReply = std::unique_ptr<redisReply, FreeRedisReply>;

// One connection to a Redis server, for pipelines. An answer that is an error is a failure.
//
// Thread safety: none.
class RedisConnection {
 public:
  // Connects to HOST:PORT.
  static absl::StatusOr<RedisConnection> Open(const std::string& address);

  // Adds a command to what Flush sends.
  void Append(std::initializer_list<absl::string_view> command);
  absl::Status Flush();

  // Waits until something has arrived, and takes it: Next parses it. REQUIRES: everything is
  // flushed.
  absl::Status Read();
  // The next answer of those that have arrived; null: there is none.
  absl::StatusOr<RedisReply> Next();

  // Sends one command and waits for its answer. REQUIRES: no other answer is due.
  absl::StatusOr<RedisReply> Call(std::initializer_list<absl::string_view> command);

  int descriptor() const { return context_->fd; }

 private:
  struct FreeContext {
    void operator()(redisContext* context) const { redisFree(context); }
  };

  explicit RedisConnection(redisContext* context) : context_(context) {}

  absl::Status Failed() const;

  std::unique_ptr<redisContext, FreeContext> context_;
};

// What an answer holds as text, or as a number; empty or -1 if it is of another type.
absl::string_view TextOf(const redisReply& reply);
int64_t NumberOf(const redisReply& reply);

}  // namespace shardd::bench
