#include "tests/bench/messages/redis_connection.h"

#include <array>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace shardd::bench {

absl::StatusOr<RedisConnection> RedisConnection::Open(const std::string& address) {
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(address, absl::MaxSplits(':', 1));
  int port = 0;
  if (!absl::SimpleAtoi(parts.second, &port)) {
    return absl::InvalidArgumentError(absl::StrCat(address, " is not HOST:PORT"));
  }
  RedisConnection connection(redisConnect(parts.first.c_str(), port));
  if (connection.context_ == nullptr) return absl::ResourceExhaustedError("out of memory");
  if (connection.context_->err != 0) return connection.Failed();
  return connection;
}

absl::Status RedisConnection::Failed() const {
  return absl::UnavailableError(absl::StrCat("the connection to Redis failed: ", context_->errstr));
}

void RedisConnection::Append(std::initializer_list<absl::string_view> command) {
  std::array<const char*, 16> arguments;
  std::array<size_t, 16> lengths;
  size_t count = 0;
  for (const absl::string_view argument : command) {
    arguments[count] = argument.data();
    lengths[count++] = argument.size();
  }
  // It fails only when memory is out, and then Flush does.
  redisAppendCommandArgv(context_.get(), static_cast<int>(count), arguments.data(), lengths.data());
}

absl::Status RedisConnection::Flush() {
  for (int done = 0; done == 0;) {
    if (redisBufferWrite(context_.get(), &done) != REDIS_OK) return Failed();
  }
  return absl::OkStatus();
}

absl::Status RedisConnection::Read() {
  return redisBufferRead(context_.get()) == REDIS_OK ? absl::OkStatus() : Failed();
}

absl::StatusOr<RedisReply> RedisConnection::Next() {
  void* raw = nullptr;
  if (redisGetReplyFromReader(context_.get(), &raw) != REDIS_OK) return Failed();
  RedisReply reply(static_cast<redisReply*>(raw));
  if (reply != nullptr && reply->type == REDIS_REPLY_ERROR) {
    return absl::InternalError(absl::StrCat("Redis answered: ", TextOf(*reply)));
  }
  return reply;
}

absl::StatusOr<RedisReply> RedisConnection::Call(std::initializer_list<absl::string_view> command) {
  Append(command);
  absl::Status status = Flush();
  while (status.ok()) {
    absl::StatusOr<RedisReply> reply = Next();
    if (!reply.ok() || *reply != nullptr) return reply;
    status = Read();
  }
  return status;
}

absl::string_view TextOf(const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
      return {reply.str, static_cast<size_t>(reply.len)};
    default:
      return {};
  }
}

int64_t NumberOf(const redisReply& reply) {
  return reply.type == REDIS_REPLY_INTEGER ? reply.integer : -1;
}

}  // namespace shardd::bench
