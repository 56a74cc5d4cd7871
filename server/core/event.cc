#include "server/core/event.h"

#include <type_traits>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"

namespace shardd {
namespace {

template <typename Request>
constexpr bool kFromCoordinator =
    std::is_same_v<Request, PurgeNamespace> || std::is_same_v<Request, ReopenNamespace>;

template <typename Request>
constexpr bool kOfShard =
    kFromCoordinator<Request> || std::is_same_v<Request, ReceiveAnyRequest>;

template <typename Request>
constexpr bool kFromAnotherShard =
    std::is_same_v<Request, DeliverMessage> || std::is_same_v<Request, SettleDelivery> ||
    std::is_same_v<Request, AskAboutMark> || std::is_same_v<Request, DropMark>;

size_t ByteSize(const DeliverMessage& request) {
  return sizeof(DeliverMessage) + request.message.ByteSize();
}

}  // namespace

SettleDelivery Returned(const DeliverMessage& delivery) {
  return {delivery.message.sender, delivery.account, delivery.message.number,
          DeliveryOutcome::kBusy};
}

bool HasCaller(const ShardRequestBody& body) {
  return std::visit(
      [](const auto& request) {
        using Request = std::decay_t<decltype(request)>;
        return !kFromCoordinator<Request> && !kFromAnotherShard<Request>;
      },
      body);
}

const AccountRef* AccountOf(const ShardRequestBody& body) {
  return std::visit(
      [](const auto& request) -> const AccountRef* {
        if constexpr (kOfShard<std::decay_t<decltype(request)>>) {
          return nullptr;
        } else {
          return &request.account;
        }
      },
      body);
}

bool IsForEachOwner(const ShardRequestBody& body) {
  return std::visit(
      [](const auto& request) { return kFromCoordinator<std::decay_t<decltype(request)>>; }, body);
}

size_t MailboxWeight(const ShardRequestBody& body) {
  return std::visit(
      [](const auto& request) -> size_t {
        using Request = std::decay_t<decltype(request)>;
        constexpr bool kDelivers = std::is_same_v<Request, DeliverMessage>;
        if constexpr (kFromCoordinator<Request> || std::is_same_v<Request, UnwatchRequest> ||
                      (kFromAnotherShard<Request> && !kDelivers)) {
          return 0;
        } else {
          return ByteSize(request);
        }
      },
      body);
}

size_t ReadBytes(const ShardAnswer& answer) {
  if (const auto* get = std::get_if<GetResult>(&answer)) return ByteSize(*get);
  if (const auto* scan = std::get_if<ScanResult>(&answer)) return ByteSize(*scan);
  if (const auto* received = std::get_if<ReceiveResult>(&answer)) return received->bytes;
  return 0;
}

absl::Status FrameReadsTooMuch() {
  return Error(Reason::kFrameTooLarge,
               absl::StrCat("what the reads of this frame found is more than ",
                            limits::kFrameReadBytesMax, " bytes; read less in one frame"));
}

}  // namespace shardd
