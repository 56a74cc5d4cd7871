#include "tests/bench/messages/redis_messages.h"

#include <poll.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "tests/bench/messages/redis_connection.h"

namespace shardd::bench {
namespace {

constexpr absl::string_view kStream = "messages";
constexpr absl::string_view kGroup = "consumers";
constexpr absl::string_view kReceiver = "receiver";
constexpr absl::string_view kPayload = "payload";
constexpr uint64_t kFillPipeline = 1000;

absl::Status WrongReply(absl::string_view to) {
  return absl::DataLossError(absl::StrCat("Redis's answer to ", to, " is not what it must be"));
}

// Appends to the stream.
class StreamSender {
 public:
  StreamSender(RedisConnection connection, MessageFlights& flights)
      : connection_(std::move(connection)), flights_(flights) {}

  // Sends what may be sent now.
  absl::Status SendMore() {
    bool any = false;
    for (; flights_.Next(message_); any = true) {
      connection_.Append(
          {"XADD", kStream, "*", kReceiver, message_.receiver, kPayload, message_.payload});
    }
    return any ? connection_.Flush() : absl::OkStatus();
  }

  // Takes the answers that arrive.
  absl::Status TakeAnswers() {
    SHARDD_RETURN_IF_ERROR(connection_.Read());
    while (true) {
      SHARDD_ASSIGN_OR_RETURN(const RedisReply reply, connection_.Next());
      if (reply == nullptr) return absl::OkStatus();
      if (TextOf(*reply).empty()) return WrongReply("XADD");
      ++answered_;
    }
  }

  // Whether Redis has answered for everything that was sent.
  bool all_answered() const { return answered_ == flights_.sent(); }

  int descriptor() const { return connection_.descriptor(); }

 private:
  RedisConnection connection_;
  MessageFlights& flights_;
  MessageFlights::Message message_;
  uint64_t answered_ = 0;
};

// Reads a batch; in one go commits it and asks for the next one.
class StreamConsumer {
 public:
  StreamConsumer(RedisConnection connection, MessageFlights& flights)
      : connection_(std::move(connection)),
        flights_(flights),
        batch_max_(absl::StrCat(flights.in_flight_max())) {}

  absl::Status Begin() {
    AppendRead();
    return connection_.Flush();
  }

  // Takes the answers that arrive.
  absl::Status TakeAnswers() {
    SHARDD_RETURN_IF_ERROR(connection_.Read());
    while (true) {
      SHARDD_ASSIGN_OR_RETURN(const RedisReply reply, connection_.Next());
      if (reply == nullptr) return absl::OkStatus();
      SHARDD_RETURN_IF_ERROR(Take(*reply));
    }
  }

  int descriptor() const { return connection_.descriptor(); }

 private:
  void AppendRead() {
    connection_.Append({"XREADGROUP", "GROUP", kGroup, "one", "COUNT", batch_max_, "BLOCK", "0",
                        "STREAMS", kStream, ">"});
  }

  // In a transaction, MULTI and each command are answered by a word, and EXEC by all results.
  absl::Status Take(const redisReply& reply) {
    if (words_due_ > 0) {
      if (reply.type != REDIS_REPLY_STATUS) return WrongReply("a command of a transaction");
      --words_due_;
      return absl::OkStatus();
    }
    return batch_.empty() ? TakeMessages(reply) : TakeResults(reply);
  }

  absl::Status TakeResults(const redisReply& reply) {
    if (reply.type != REDIS_REPLY_ARRAY || reply.elements != 2 * batch_.size()) {
      return WrongReply("EXEC");
    }
    for (size_t i = 0; i < batch_.size(); ++i) {
      if (TextOf(*reply.element[2 * i]) != "OK") return WrongReply("SET");
      if (NumberOf(*reply.element[2 * i + 1]) != 1) return WrongReply("XACK");
      SHARDD_RETURN_IF_ERROR(flights_.Committed(batch_[i]));
    }
    batch_.clear();
    return absl::OkStatus();
  }

  // [[stream, [[id, [key, value, key, value]], ...]]]
  absl::Status TakeMessages(const redisReply& reply) {
    if (reply.type != REDIS_REPLY_ARRAY || reply.elements != 1 || reply.element[0]->elements != 2) {
      return WrongReply("XREADGROUP");
    }
    const redisReply& messages = *reply.element[0]->element[1];
    connection_.Append({"MULTI"});
    for (size_t i = 0; i < messages.elements; ++i) {
      const redisReply& message = *messages.element[i];
      if (message.elements != 2 || message.element[1]->elements != 4) {
        return WrongReply("XREADGROUP");
      }
      SHARDD_RETURN_IF_ERROR(Commit(TextOf(*message.element[0]), *message.element[1]));
    }
    connection_.Append({"EXEC"});
    AppendRead();
    words_due_ = 1 + 2 * batch_.size();
    return connection_.Flush();
  }

  absl::Status Commit(absl::string_view id, const redisReply& fields) {
    const absl::string_view receiver = TextOf(*fields.element[1]);
    const absl::string_view payload = TextOf(*fields.element[3]);
    SHARDD_ASSIGN_OR_RETURN(const uint64_t number, flights_.Received(receiver, payload));
    batch_.push_back(number);
    connection_.Append({"SET", receiver, payload});
    connection_.Append({"XACK", kStream, kGroup, id});
    return absl::OkStatus();
  }

  RedisConnection connection_;
  MessageFlights& flights_;
  const std::string batch_max_;
  std::vector<uint64_t> batch_;  // What is being committed.
  size_t words_due_ = 0;
};

}  // namespace

absl::Status RedisMessages::Fill(const DatasetOptions& options) {
  SHARDD_ASSIGN_OR_RETURN(RedisConnection connection, RedisConnection::Open(address_));
  Dataset dataset(options);
  for (uint64_t account = 0; account < options.accounts;) {
    uint64_t due = 0;
    for (; due < kFillPipeline && account < options.accounts; ++due, ++account) {
      connection.Append({"SET", Dataset::Id(account), dataset.RandomValue()});
    }
    SHARDD_RETURN_IF_ERROR(connection.Flush());
    while (due > 0) {
      SHARDD_ASSIGN_OR_RETURN(const RedisReply reply, connection.Next());
      if (reply == nullptr) {
        SHARDD_RETURN_IF_ERROR(connection.Read());
      } else {
        --due;
      }
    }
  }
  return absl::OkStatus();
}

absl::Status RedisMessages::Prepare() {
  SHARDD_ASSIGN_OR_RETURN(RedisConnection connection, RedisConnection::Open(address_));
  SHARDD_RETURN_IF_ERROR(connection.Call({"DEL", kStream}).status());
  return connection.Call({"XGROUP", "CREATE", kStream, kGroup, "0", "MKSTREAM"}).status();
}

absl::Status RedisMessages::Run(MessageFlights& flights) {
  SHARDD_ASSIGN_OR_RETURN(RedisConnection sending, RedisConnection::Open(address_));
  SHARDD_ASSIGN_OR_RETURN(RedisConnection consuming, RedisConnection::Open(address_));
  StreamSender sender(std::move(sending), flights);
  StreamConsumer consumer(std::move(consuming), flights);
  SHARDD_RETURN_IF_ERROR(consumer.Begin());
  pollfd sockets[] = {{sender.descriptor(), POLLIN, 0}, {consumer.descriptor(), POLLIN, 0}};
  while (true) {
    // First what may be sent, so that nothing is to be sent later if the flights are over then.
    SHARDD_RETURN_IF_ERROR(sender.SendMore());
    if (flights.Over() && sender.all_answered()) return absl::OkStatus();
    const int ready =
        poll(sockets, 2, static_cast<int>(absl::ToInt64Milliseconds(kMessagePatience)));
    if (ready < 0) return absl::UnavailableError("poll failed");
    if (ready == 0) {
      return absl::DeadlineExceededError("no message comes any more, and not all have come");
    }
    if (sockets[0].revents != 0) SHARDD_RETURN_IF_ERROR(sender.TakeAnswers());
    if (sockets[1].revents != 0) SHARDD_RETURN_IF_ERROR(consumer.TakeAnswers());
  }
}

absl::Status RedisMessages::CheckNothingLeft(uint64_t sent) {
  SHARDD_ASSIGN_OR_RETURN(RedisConnection connection, RedisConnection::Open(address_));
  SHARDD_ASSIGN_OR_RETURN(const RedisReply length, connection.Call({"XLEN", kStream}));
  SHARDD_ASSIGN_OR_RETURN(const RedisReply unread,
                          connection.Call({"XREADGROUP", "GROUP", kGroup, "one", "COUNT", "1",
                                           "STREAMS", kStream, ">"}));
  SHARDD_ASSIGN_OR_RETURN(const RedisReply held, connection.Call({"XPENDING", kStream, kGroup}));
  if (NumberOf(*length) != static_cast<int64_t>(sent)) return WrongReply("XLEN");
  if (unread->type != REDIS_REPLY_NIL) return absl::DataLossError("a message was not read");
  if (held->elements == 0 || NumberOf(*held->element[0]) != 0) {
    return absl::DataLossError("a message was not acknowledged");
  }
  return absl::OkStatus();
}

}  // namespace shardd::bench
