#include "server/core/event.h"

#include <type_traits>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"

namespace shardd {
namespace {

template <typename Request>
constexpr bool kFromCoordinator =
    std::is_same_v<Request, PurgeNamespace> || std::is_same_v<Request, ReopenNamespace>;

}  // namespace

const AccountRef* AccountOf(const ShardRequestBody& body) {
  return std::visit(
      [](const auto& request) -> const AccountRef* {
        if constexpr (kFromCoordinator<std::decay_t<decltype(request)>>) {
          return nullptr;
        } else {
          return &request.account;
        }
      },
      body);
}

size_t MailboxWeight(const ShardRequestBody& body) {
  return std::visit(
      [](const auto& request) -> size_t {
        using Request = std::decay_t<decltype(request)>;
        if constexpr (kFromCoordinator<Request> || std::is_same_v<Request, UnwatchRequest>) {
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
  return 0;
}

absl::Status FrameReadsTooMuch() {
  return Error(Reason::kFrameTooLarge,
               absl::StrCat("what the reads of this frame found is more than ",
                            limits::kFrameReadBytesMax, " bytes; read less in one frame"));
}

}  // namespace shardd
