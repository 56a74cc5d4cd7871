#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/codec.h"
#include "server/base/hash.h"
#include "server/base/status_macros.h"
#include "server/rpc/convert_requests.h"
#include "server/shard_state_operations/page_token.h"

namespace shardd::rpc {

// Walks one page of a list that is ordered by some name: after the name a page token gives, until
// the page is full.
class NamePage {
 public:
  // `list` keeps the tokens of different lists apart. kInvalidField, kInvalidPageToken.
  static absl::StatusOr<NamePage> Begin(absl::string_view list, int32_t page_size,
                                        absl::string_view page_token) {
    const Hash128 query = StableHash128(ByteWriter().Bytes("list").Bytes(list).view());
    SHARDD_ASSIGN_OR_RETURN(const size_t size, PageSizeFrom(page_size));
    SHARDD_ASSIGN_OR_RETURN(std::string after, DecodePageToken(page_token, query));
    return NamePage(query, PageSize(size), std::move(after));
  }

  // The last name of the page before; empty for the first page.
  const std::string& after() const { return after_; }

  // Whether an item with this name belongs to the page. After false the page is over.
  bool Take(absl::string_view name) {
    if (taken_ == size_) {
      next_page_token_ = EncodePageToken(query_, last_);
      return false;
    }
    ++taken_;
    last_ = std::string(name);
    return true;
  }

  // Empty if the page was the last. REQUIRES: Take has been asked until it said false, or of all.
  const std::string& next_page_token() const { return next_page_token_; }

 private:
  NamePage(Hash128 query, size_t size, std::string after)
      : query_(query), size_(size), after_(std::move(after)) {}

  Hash128 query_;
  size_t size_;
  std::string after_;
  size_t taken_ = 0;
  std::string last_;
  std::string next_page_token_;
};

}  // namespace shardd::rpc
