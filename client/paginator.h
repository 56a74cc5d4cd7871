#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace shardd::client {

// Walks the pages of a list call.
//
// Request and Response are messages with page_token and next_page_token. A page may be empty and
// still not be the last one.
// Thread safety: none.
template <typename Request, typename Response>
class Paginator {
 public:
  using Fetch = std::function<absl::StatusOr<Response>(const Request&)>;

  // Begins at the page token of `request`, if it has one.
  Paginator(Fetch fetch, Request request)
      : fetch_(std::move(fetch)), request_(std::move(request)) {}

  // The next page, or nothing after the last one. After an error the same page is asked for again.
  absl::StatusOr<std::optional<Response>> Next() {
    if (done_) return std::optional<Response>();
    absl::StatusOr<Response> page = fetch_(request_);
    if (!page.ok()) return page.status();
    if (!page->next_page_token().empty() && page->next_page_token() == request_.page_token()) {
      return absl::InternalError("the daemon answered with the page token it was given");
    }
    request_.set_page_token(page->next_page_token());
    done_ = page->next_page_token().empty();
    return std::optional<Response>(*std::move(page));
  }

  // Where to go on: empty before the first and after the last page.
  const std::string& page_token() const { return request_.page_token(); }

  // Calls `visit` with each remaining page until it returns an error.
  absl::Status ForEach(const std::function<absl::Status(const Response&)>& visit) {
    for (;;) {
      absl::StatusOr<std::optional<Response>> page = Next();
      if (!page.ok()) return page.status();
      if (!page->has_value()) return absl::OkStatus();
      if (absl::Status status = visit(**page); !status.ok()) return status;
    }
  }

 private:
  const Fetch fetch_;
  Request request_;
  bool done_ = false;
};

}  // namespace shardd::client
