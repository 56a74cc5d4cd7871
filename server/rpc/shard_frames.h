#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/rpc/convert_results.h"
#include "server/rpc/frame_stream.h"

namespace shardd::rpc {

// A stream whose frames are lists of operations on accounts. `Traits` says what the messages are:
//   Request, Response;
//   kField, the name of the list; Count(request); CountChanges(request), the mutations that its
//   answer has results for;
//   Take(request, i): operation i as a ShardRequest with its body and epoch, validated;
//   Fill(answer, response, i): its answer; ErrorOf(response, i): where its error goes.
//
// A frame is handed to the runtime as a whole, so the operations on one account keep their order,
// and the next frame only after it. An operation that is refused does not hold up the others.
template <typename Traits>
class ShardFrames final : public FrameStream<typename Traits::Request, typename Traits::Response> {
 public:
  using Request = typename Traits::Request;
  using Response = typename Traits::Response;
  using Base = FrameStream<Request, Response>;
  using Frame = typename Base::Frame;

  ShardFrames(const typename Base::Config& config, Lane& lane) : Base(config, lane) {}

 private:
  // Collects the answers to one frame; goes with the last of them.
  //
  // Each slot is answered once, on the poller.
  class Answers final : public DirectTarget {
   public:
    Answers(Frame& frame, ReplyInbox& inbox, size_t count)
        : DirectTarget(inbox), frame_(frame), missing_(count + 1) {}

    void OnReply(uint32_t slot, absl::StatusOr<ShardAnswer> answer) override {
      // What was read must fit one message; answers to writes are small and never left out.
      if (const size_t bytes = answer.ok() ? ReadBytes(*answer) : 0;
          bytes > 0 && frame_.CountRead(bytes) > limits::kFrameReadBytesMax) {
        answer = FrameReadsTooMuch();
      }
      if (answer.ok()) {
        Traits::Fill(*answer, frame_.response(), static_cast<int>(slot));
      } else {
        Refuse(slot, answer.status());
      }
      Release();
    }
    void Refuse(uint32_t slot, const absl::Status& status) {
      ToOperationError(status, *Traits::ErrorOf(frame_.response(), static_cast<int>(slot)));
    }
    void Release() {
      if (--missing_ > 0) return;
      frame_.Done();
      delete this;
    }

   private:
    Frame& frame_;
    size_t missing_;  // answers, and the submission itself
  };

  absl::Status Check(const Request& request) override {
    const size_t count = static_cast<size_t>(Traits::Count(request));
    if (count == 0) return InvalidField(Traits::kField, "is empty; send 1 to 1024 in a frame");
    if (count > limits::kFrameOperationsMax) {
      return Error(Reason::kFrameTooLarge,
                   absl::StrCat(Traits::kField, " has ", count, " items; at most ",
                                limits::kFrameOperationsMax, " are allowed in a frame"));
    }
    const size_t changes = Traits::CountChanges(request);
    if (changes > limits::kFrameMutationsMax) {
      return Error(Reason::kFrameTooLarge,
                   absl::StrCat(Traits::kField, " have ", changes, " mutations; at most ",
                                limits::kFrameMutationsMax, " are allowed in a frame"));
    }
    return absl::OkStatus();
  }

  void Run(Request& request, Frame& frame) override {
    const int count = Traits::Count(request);
    Response& response = frame.response();
    response.set_frame_id(request.frame_id());
    response.mutable_results()->Reserve(count);
    for (int i = 0; i < count; ++i) response.add_results();

    Answers* const answers = new Answers(frame, Base::lane().inbox(), static_cast<size_t>(count));
    const absl::Time deadline = Base::deadline();
    std::vector<ShardRequest> requests;
    requests.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) {
      const uint32_t slot = static_cast<uint32_t>(i);
      absl::StatusOr<ShardRequest> taken = Traits::Take(request, i);
      if (!taken.ok()) {
        answers->Refuse(slot, taken.status());
        answers->Release();
        continue;
      }
      taken->call = DirectId(answers, slot);
      taken->deadline = deadline;
      requests.push_back(*std::move(taken));
    }
    if (!requests.empty()) Base::runtime().Submit(std::move(requests));
    answers->Release();
  }
};

}  // namespace shardd::rpc
