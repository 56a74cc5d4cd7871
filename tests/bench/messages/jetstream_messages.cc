#include "tests/bench/messages/jetstream_messages.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/status_macros.h"
#include "tests/bench/messages/jetstream_connection.h"

namespace shardd::bench {
namespace {

constexpr char kMessageStream[] = "messages";
constexpr char kDurableConsumer[] = "consumers";
constexpr char kBucket[] = "state";
constexpr absl::string_view kMessageSubjects = "messages.";  // And the receiver.
constexpr absl::string_view kBucketSubjects = "$KV.state.";  // And the key.
constexpr absl::string_view kPullSubject = "$JS.API.CONSUMER.MSG.NEXT.messages.consumers";
constexpr uint64_t kPutsInFlight = 1000;
constexpr absl::string_view kPullName = "pull";

// What a request is for: the first letter of its name. The rest is the message's number.
constexpr char kSent = 's';
constexpr char kPut = 'p';
constexpr char kAcked = 'a';

std::string NameFor(char what, uint64_t number) {
  return absl::StrCat(absl::string_view(&what, 1), number);
}

// A stream answers what it has stored with {"stream": NAME, "seq": NUMBER}, else with an error.
absl::Status CheckStored(natsMsg& answer) {
  const absl::string_view json = DataOf(answer);
  if (absl::StrContains(json, "\"seq\":") && !absl::StrContains(json, "\"error\":")) {
    return absl::OkStatus();
  }
  return absl::InternalError(absl::StrCat("a stream answered ", json));
}

absl::Status CheckAcked(natsMsg& answer) {
  if (DataOf(answer).empty()) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("an acknowledgement was answered ", DataOf(answer)));
}

class JetStreamExchange {
 public:
  JetStreamExchange(JetStreamConnection connection, MessageFlights& flights)
      : connection_(std::move(connection)), flights_(flights) {}

  absl::Status Run() {
    SHARDD_RETURN_IF_ERROR(Pull(2 * flights_.in_flight_max()));
    while (true) {
      // First what may be sent, so that nothing is to be sent later if the flights are over then.
      SHARDD_RETURN_IF_ERROR(SendMore());
      if (flights_.Over() && stored_ == flights_.sent()) return absl::OkStatus();
      SHARDD_ASSIGN_OR_RETURN(const NatsOwned<natsMsg> message, connection_.Next());
      SHARDD_RETURN_IF_ERROR(Take(*message));
    }
  }

 private:
  absl::Status SendMore() {
    while (flights_.Next(message_)) {
      SHARDD_RETURN_IF_ERROR(connection_.Request(absl::StrCat(kMessageSubjects, message_.receiver),
                                                 NameFor(kSent, message_.number),
                                                 message_.payload));
    }
    return absl::OkStatus();
  }

  absl::Status Pull(size_t messages) {
    return connection_.Request(std::string(kPullSubject), kPullName,
                               absl::StrCat("{\"batch\":", messages, "}"));
  }

  absl::Status Take(natsMsg& message) {
    absl::string_view name = connection_.NameOf(message);
    if (name.empty()) return Put(message);
    const char what = name.front();
    uint64_t number = 0;
    if (!absl::SimpleAtoi(name.substr(1), &number)) {
      return absl::DataLossError(absl::StrCat("an answer came to no request: ", name));
    }
    switch (what) {
      case kSent:
        ++stored_;
        return CheckStored(message);
      case kPut:
        SHARDD_RETURN_IF_ERROR(CheckStored(message));
        return Acknowledge(number);
      default:
        SHARDD_RETURN_IF_ERROR(CheckAcked(message));
        return flights_.Committed(number);
    }
  }

  absl::Status Put(natsMsg& message) {
    absl::string_view receiver = natsMsg_GetSubject(&message);
    if (!absl::ConsumePrefix(&receiver, kMessageSubjects)) {
      return absl::DataLossError("a message came under a wrong subject");
    }
    SHARDD_ASSIGN_OR_RETURN(const uint64_t number, flights_.Received(receiver, DataOf(message)));
    ack_subjects_[number] = natsMsg_GetReply(&message);
    if (++received_ == flights_.in_flight_max()) {
      SHARDD_RETURN_IF_ERROR(Pull(std::exchange(received_, 0)));
    }
    return connection_.Request(absl::StrCat(kBucketSubjects, receiver), NameFor(kPut, number),
                               DataOf(message));
  }

  absl::Status Acknowledge(uint64_t number) {
    const auto subject = ack_subjects_.find(number);
    if (subject == ack_subjects_.end()) return absl::DataLossError("a put was answered twice");
    SHARDD_RETURN_IF_ERROR(connection_.Request(subject->second, NameFor(kAcked, number), "+ACK"));
    ack_subjects_.erase(subject);
    return absl::OkStatus();
  }

  JetStreamConnection connection_;
  MessageFlights& flights_;
  MessageFlights::Message message_;
  uint64_t stored_ = 0;
  size_t received_ = 0;                                      // Since the last pull.
  absl::flat_hash_map<uint64_t, std::string> ack_subjects_;  // Of what is being put.
};

}  // namespace

absl::Status JetStreamMessages::Fill(const DatasetOptions& options) {
  SHARDD_ASSIGN_OR_RETURN(JetStreamConnection connection, JetStreamConnection::Open(address_));
  kvConfig bucket;
  kvConfig_Init(&bucket);
  bucket.Bucket = kBucket;
  bucket.StorageType = js_FileStorage;
  kvStore* made = nullptr;
  SHARDD_RETURN_IF_ERROR(FromNats(js_CreateKeyValue(&made, connection.jetstream(), &bucket),
                                  "the bucket could not be made"));
  const NatsOwned<kvStore> owned(made);
  Dataset dataset(options);
  for (uint64_t put = 0, stored = 0; stored < options.accounts;) {
    if (put < options.accounts && put - stored < kPutsInFlight) {
      SHARDD_RETURN_IF_ERROR(connection.Request(absl::StrCat(kBucketSubjects, Dataset::Id(put)),
                                                NameFor(kPut, put), dataset.RandomValue()));
      ++put;
    } else {
      SHARDD_ASSIGN_OR_RETURN(const NatsOwned<natsMsg> answer, connection.Next());
      SHARDD_RETURN_IF_ERROR(CheckStored(*answer));
      ++stored;
    }
  }
  return absl::OkStatus();
}

absl::Status JetStreamMessages::Prepare() {
  SHARDD_ASSIGN_OR_RETURN(JetStreamConnection connection, JetStreamConnection::Open(address_));
  jsCtx* const jetstream = connection.jetstream();
  const natsStatus deleted = js_DeleteStream(jetstream, kMessageStream, nullptr, nullptr);
  if (deleted != NATS_NOT_FOUND) {
    SHARDD_RETURN_IF_ERROR(FromNats(deleted, "the stream could not be deleted"));
  }
  const std::string subjects = absl::StrCat(kMessageSubjects, "*");
  const char* subject = subjects.c_str();
  jsStreamConfig stream;
  jsStreamConfig_Init(&stream);
  stream.Name = kMessageStream;
  stream.Subjects = &subject;
  stream.SubjectsLen = 1;
  stream.Storage = js_FileStorage;
  SHARDD_RETURN_IF_ERROR(FromNats(js_AddStream(nullptr, jetstream, &stream, nullptr, nullptr),
                                  "the stream could not be made"));
  jsConsumerConfig consumer;
  jsConsumerConfig_Init(&consumer);
  consumer.Durable = kDurableConsumer;
  consumer.AckPolicy = js_AckExplicit;
  consumer.MaxAckPending = -1;
  return FromNats(js_AddConsumer(nullptr, jetstream, kMessageStream, &consumer, nullptr, nullptr),
                  "the consumer could not be made");
}

absl::Status JetStreamMessages::Run(MessageFlights& flights) {
  SHARDD_ASSIGN_OR_RETURN(JetStreamConnection connection, JetStreamConnection::Open(address_));
  return JetStreamExchange(std::move(connection), flights).Run();
}

absl::Status JetStreamMessages::CheckNothingLeft(uint64_t sent) {
  SHARDD_ASSIGN_OR_RETURN(JetStreamConnection connection, JetStreamConnection::Open(address_));
  jsStreamInfo* stream = nullptr;
  SHARDD_RETURN_IF_ERROR(
      FromNats(js_GetStreamInfo(&stream, connection.jetstream(), kMessageStream, nullptr, nullptr),
               "the stream could not be looked at"));
  const NatsOwned<jsStreamInfo> owned_stream(stream);
  jsConsumerInfo* consumer = nullptr;
  SHARDD_RETURN_IF_ERROR(
      FromNats(js_GetConsumerInfo(&consumer, connection.jetstream(), kMessageStream,
                                  kDurableConsumer, nullptr, nullptr),
               "the consumer could not be looked at"));
  const NatsOwned<jsConsumerInfo> owned_consumer(consumer);
  if (stream->State.Msgs != sent) return absl::DataLossError("the stream lost messages");
  if (consumer->NumPending == 0 && consumer->NumAckPending == 0 &&
      consumer->Delivered.Consumer == sent) {
    return absl::OkStatus();
  }
  return absl::DataLossError("a message was not acknowledged, or came twice");
}

}  // namespace shardd::bench
