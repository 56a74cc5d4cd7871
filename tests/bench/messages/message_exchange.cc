#include "tests/bench/messages/message_exchange.h"

#include <deque>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "shardd/v1/messaging.grpc.pb.h"
#include "shardd/v1/state.grpc.pb.h"
#include "tests/bench/channel.h"
#include "tests/bench/messages/message_party.h"

namespace shardd::bench {
namespace {

constexpr int kFrameOperationsMax = 256;

// What a completion-queue tag points to: a step of a stream that is done.
class PendingStep {
 public:
  virtual ~PendingStep() = default;
  virtual void Done(bool ok) = 0;
};

// What the streams of one exchange share.
class ExchangeLoop {
 public:
  grpc::CompletionQueue& queue() { return queue_; }
  bool failed() const { return !failure_.ok(); }

  void* Pending(PendingStep& step) {
    ++steps_pending_;
    return &step;
  }

  // Keeps the first failure.
  void Fail(absl::Status failure) {
    if (failure_.ok()) failure_ = std::move(failure);
  }

  // Runs until no step is pending. `cancel` is called once something has failed.
  template <typename Cancel>
  absl::Status Run(const Cancel& cancel) {
    bool cancelled = false;
    while (steps_pending_ > 0) {
      void* tag = nullptr;
      bool ok = false;
      const auto deadline =
          std::chrono::system_clock::now() + absl::ToChronoMilliseconds(kMessagePatience);
      if (queue_.AsyncNext(&tag, &ok, deadline) == grpc::CompletionQueue::GOT_EVENT) {
        --steps_pending_;
        static_cast<PendingStep*>(tag)->Done(ok);
      } else {
        Fail(absl::DeadlineExceededError("no message comes any more, and not all have come"));
      }
      if (failed() && !std::exchange(cancelled, true)) cancel();
    }
    return failure_;
  }

 private:
  grpc::CompletionQueue queue_;
  int steps_pending_ = 0;
  absl::Status failure_;
};

// One stream: at most one read and one write pending. Writes what Next makes, whenever it has
// something.
template <typename Request, typename Response>
class ExchangeStream {
 public:
  virtual ~ExchangeStream() = default;

  void WriteMore() {
    if (!started_ || writing_ || closed_ || loop_.failed()) return;
    if (Next(request_)) {
      writing_ = true;
      stream_->Write(request_, loop_.Pending(written_step_));
    } else if (closing_) {
      closed_ = writing_ = true;
      stream_->WritesDone(loop_.Pending(written_step_));
    }
  }

  // Ends the stream when all is written.
  void Close() {
    closing_ = true;
    WriteMore();
  }

  void Cancel() { context_.TryCancel(); }

 protected:
  using Stream = grpc::ClientAsyncReaderWriter<Request, Response>;

  explicit ExchangeStream(ExchangeLoop& loop) : loop_(loop) {}

  ExchangeLoop& loop() { return loop_; }
  grpc::ClientContext& context() { return context_; }

  void Start(std::unique_ptr<Stream> stream) {
    stream_ = std::move(stream);
    stream_->StartCall(loop_.Pending(started_step_));
  }

  // Makes the next request over one that this stream wrote before. False: there is none now.
  virtual bool Next(Request& request) = 0;
  virtual absl::Status Take(Response& response) = 0;
  // Goes on with what a response has made possible.
  virtual void Taken() = 0;

 private:
  struct Step final : PendingStep {
    Step(ExchangeStream& of, void (ExchangeStream::*with)(bool)) : stream(of), done(with) {}
    void Done(bool ok) override { (stream.*done)(ok); }
    ExchangeStream& stream;
    void (ExchangeStream::*const done)(bool);
  };

  void OnStarted(bool ok) {
    started_ = ok;
    stream_->Read(&response_, loop_.Pending(read_step_));
    WriteMore();
  }

  void OnWritten(bool ok) {
    writing_ = false;
    if (ok) WriteMore();
  }

  void OnRead(bool ok) {
    // The stream is over, well or not: its status says which.
    if (!ok) return stream_->Finish(&status_, loop_.Pending(finished_step_));
    absl::Status taken = Take(response_);
    stream_->Read(&response_, loop_.Pending(read_step_));
    if (!taken.ok()) return loop_.Fail(std::move(taken));
    Taken();
  }

  void OnFinished(bool) {
    if (!status_.ok()) return loop_.Fail(FailedCall("a stream failed", status_));
    if (!closing_) loop_.Fail(absl::UnavailableError("a stream was ended by the server"));
  }

  ExchangeLoop& loop_;
  grpc::ClientContext context_;
  std::unique_ptr<Stream> stream_;
  Step started_step_{*this, &ExchangeStream::OnStarted};
  Step written_step_{*this, &ExchangeStream::OnWritten};
  Step read_step_{*this, &ExchangeStream::OnRead};
  Step finished_step_{*this, &ExchangeStream::OnFinished};
  Request request_;
  Response response_;
  grpc::Status status_;
  bool started_ = false;
  bool writing_ = false;
  bool closing_ = false;
  bool closed_ = false;
};

using SessionStream = ExchangeStream<v1::SessionRequest, v1::SessionResponse>;

absl::Status CheckAnswers(const v1::SessionResponse& response, size_t operations) {
  if (static_cast<size_t>(response.results_size()) != operations) {
    return absl::DataLossError("a frame lost results");
  }
  for (const v1::SessionResult& result : response.results()) {
    if (result.apply().revision() > 0) continue;
    return absl::DataLossError(
        absl::StrCat("a write was not answered well: ", result.ShortDebugString()));
  }
  return absl::OkStatus();
}

// One Apply with one send for each message, of a random sender.
class SendingSession final : public SessionStream {
 public:
  SendingSession(ExchangeLoop& shared, v1::StateService::Stub& stub,
                 const MessageNamespaces& namespaces, MessageFlights& flights)
      : ExchangeStream(shared), namespaces_(namespaces), flights_(flights) {
    Start(stub.PrepareAsyncSession(&context(), &loop().queue()));
  }

  bool all_answered() const { return unanswered_.empty(); }

 private:
  bool Next(v1::SessionRequest& frame) override {
    frame.clear_operations();
    while (frame.operations_size() < kFrameOperationsMax && flights_.Next(message_)) {
      v1::ApplyRequest& apply = *frame.add_operations()->mutable_apply();
      apply.mutable_account()->set_namespace_(namespaces_.senders);
      apply.mutable_account()->set_id(message_.sender);
      v1::Send& send = *apply.add_sends();
      send.mutable_receiver()->set_namespace_(namespaces_.receivers);
      send.mutable_receiver()->set_id(message_.receiver);
      send.set_payload(message_.payload);
    }
    if (frame.operations_size() == 0) return false;
    unanswered_.push_back(static_cast<size_t>(frame.operations_size()));
    return true;
  }

  absl::Status Take(v1::SessionResponse& response) override {
    if (unanswered_.empty()) return absl::DataLossError("an answer came to no frame");
    const size_t operations = unanswered_.front();
    unanswered_.pop_front();
    return CheckAnswers(response, operations);
  }

  void Taken() override {}

  const MessageNamespaces& namespaces_;
  MessageFlights& flights_;
  MessageFlights::Message message_;
  std::deque<size_t> unanswered_;
};

// Receives messages and commits them.
class Consumer {
 public:
  Consumer(ExchangeLoop& shared, v1::StateService::Stub& state,
           v1::MessagingService::Stub& messaging, const std::string& name_space,
           MessageFlights& flights, SendingSession& sender)
      : flights_(flights),
        sender_(sender),
        receiving_(*this, shared, messaging, name_space),
        committing_(*this, shared, state) {}

  void Cancel() {
    receiving_.Cancel();
    committing_.Cancel();
  }

 private:
  struct Received {
    uint64_t number = 0;
    v1::ReceivedMessage message;
  };

  class Receiving final : public ExchangeStream<v1::SubscribeRequest, v1::SubscribeResponse> {
   public:
    Receiving(Consumer& consumer, ExchangeLoop& shared, v1::MessagingService::Stub& stub,
              const std::string& name_space)
        : ExchangeStream(shared),
          consumer_(consumer),
          name_space_(name_space),
          credit_(static_cast<int>(consumer.flights_.in_flight_max())) {
      Start(stub.PrepareAsyncSubscribe(&context(), &loop().queue()));
    }

    void GiveCredit(size_t messages) {
      credit_ += static_cast<int>(messages);
      WriteMore();
    }

   private:
    bool Next(v1::SubscribeRequest& request) override {
      if (credit_ == 0) return false;
      request.Clear();
      if (!std::exchange(begun_, true)) {
        request.mutable_subscription()->set_namespace_(name_space_);
      }
      request.set_credit(std::exchange(credit_, 0));
      return true;
    }

    absl::Status Take(v1::SubscribeResponse& response) override {
      for (v1::ReceivedMessage& received : *response.mutable_messages()) {
        const v1::Message& message = received.message();
        const absl::StatusOr<uint64_t> number =
            consumer_.flights_.Received(message.receiver().id(), message.payload());
        if (!number.ok()) return number.status();
        consumer_.to_commit_.push_back({*number, std::move(received)});
      }
      return absl::OkStatus();
    }

    void Taken() override { consumer_.committing_.WriteMore(); }

    Consumer& consumer_;
    const std::string name_space_;
    bool begun_ = false;
    int credit_;
  };

  // One Apply with a put and an acknowledgement for each message.
  class Committing final : public SessionStream {
   public:
    Committing(Consumer& consumer, ExchangeLoop& shared, v1::StateService::Stub& stub)
        : ExchangeStream(shared), consumer_(consumer) {
      Start(stub.PrepareAsyncSession(&context(), &loop().queue()));
    }

   private:
    bool Next(v1::SessionRequest& frame) override {
      std::deque<Received>& waiting = consumer_.to_commit_;
      if (waiting.empty()) return false;
      frame.clear_operations();
      std::vector<uint64_t> numbers;
      for (; frame.operations_size() < kFrameOperationsMax && !waiting.empty();
           waiting.pop_front()) {
        v1::ReceivedMessage& received = waiting.front().message;
        numbers.push_back(waiting.front().number);
        v1::ApplyRequest& apply = *frame.add_operations()->mutable_apply();
        apply.mutable_account()->Swap(received.mutable_message()->mutable_receiver());
        v1::Mutation::Put& put = *apply.add_mutations()->mutable_put();
        put.set_key(std::string(Dataset::kEntryKey));
        put.set_value(std::move(*received.mutable_message()->mutable_payload()));
        apply.add_acks(std::move(*received.mutable_ack_id()));
      }
      unanswered_.push_back(std::move(numbers));
      return true;
    }

    absl::Status Take(v1::SessionResponse& response) override {
      if (unanswered_.empty()) return absl::DataLossError("an answer came to no frame");
      const std::vector<uint64_t> numbers = std::move(unanswered_.front());
      unanswered_.pop_front();
      absl::Status status = CheckAnswers(response, numbers.size());
      for (auto number = numbers.begin(); status.ok() && number != numbers.end(); ++number) {
        status = consumer_.flights_.Committed(*number);
      }
      committed_ = numbers.size();
      return status;
    }

    void Taken() override { consumer_.Committed(committed_); }

    Consumer& consumer_;
    std::deque<std::vector<uint64_t>> unanswered_;
    size_t committed_ = 0;
  };

  void Committed(size_t messages) {
    receiving_.GiveCredit(messages);
    // First what may be sent, so that nothing is to be sent later if the flights are over then.
    sender_.WriteMore();
    if (!flights_.Over()) return;
    sender_.Close();
    receiving_.Close();
    committing_.Close();
  }

  MessageFlights& flights_;
  SendingSession& sender_;
  std::deque<Received> to_commit_;
  Receiving receiving_;
  Committing committing_;
};

}  // namespace

absl::Status ExchangeMessages(const std::shared_ptr<grpc::Channel>& channel,
                              const MessageNamespaces& namespaces, MessageFlights& flights) {
  const auto state = v1::StateService::NewStub(channel);
  const auto messaging = v1::MessagingService::NewStub(channel);
  ExchangeLoop loop;
  SendingSession sender(loop, *state, namespaces, flights);
  Consumer consumer(loop, *state, *messaging, namespaces.receivers, flights, sender);
  const absl::Status over = loop.Run([&] {
    sender.Cancel();
    consumer.Cancel();
  });
  if (!over.ok() || sender.all_answered()) return over;
  return absl::DataLossError("a session ended with frames unanswered");
}

}  // namespace shardd::bench
