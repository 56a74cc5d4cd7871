#include "server/rpc/export_stream.h"

#include <algorithm>
#include <utility>

#include "server/account/namespace_record.h"
#include "server/base/codec.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/rpc/convert_results.h"
#include "server/shard_state_operations/page_token.h"

namespace shardd::rpc {
namespace {

// Accounts whose entries are read under one view: few, so that a slow caller does not hold it long.
constexpr size_t kAccountsPerView = 256;

}  // namespace

void ExportStream::OnStart() {
  const absl::Status begun = Begin();
  if (!begun.ok()) return Finish(begun);
  Continue();
}

absl::Status ExportStream::Begin() {
  if (request().has_namespace_()) name_space_ = request().namespace_();
  if (name_space_.has_value() && !name_space_->empty()) {
    SHARDD_RETURN_IF_ERROR(ValidateNamespaceName(*name_space_));
    SHARDD_RETURN_IF_ERROR(CheckNamespace(*runtime().namespaces(), *name_space_));
  }
  query_ = StableHash128(ByteWriter()
                             .Bytes("export")
                             .Byte(name_space_.has_value())
                             .Bytes(name_space_.value_or(""))
                             .view());
  SHARDD_ASSIGN_OR_RETURN(position_, DecodePageToken(request().page_token(), query_));
  if (position_.empty()) position_ = FirstPosition();
  return absl::OkStatus();
}

void ExportStream::Continue() {
  if (over()) return;
  if (all_written_) return Finish(absl::OkStatus());
  const absl::Status written = WriteFrame();
  if (!written.ok()) Finish(written);
}

absl::Status ExportStream::WriteFrame() {
  if (next_account_ == page_.accounts.size()) SHARDD_RETURN_IF_ERROR(ReadPage());
  v1::ExportResponse frame;
  size_t bytes = 0;
  while (next_account_ < page_.accounts.size() && bytes < limits::kPageBytesMax) {
    SHARDD_RETURN_IF_ERROR(AddPart(frame, bytes));
  }
  if (next_account_ == page_.accounts.size()) {
    view_.reset();
    position_ = page_.next_position;
    all_written_ = position_.empty();
  }
  if (!all_written_) frame.set_next_page_token(EncodePageToken(query_, position_));
  Write(frame);
  return absl::OkStatus();
}

absl::Status ExportStream::ReadPage() {
  StoreView view = runtime().View();
  table_ = std::move(view.table);
  view_ = std::move(view.reader);
  SHARDD_ASSIGN_OR_RETURN(page_, ReadAccountPage(*view_, *table_,
                                                 {.name_space = name_space_,
                                                  .position = position_,
                                                  .accounts_max = kAccountsPerView}));
  next_account_ = 0;
  return absl::OkStatus();
}

absl::Status ExportStream::AddPart(v1::ExportResponse& frame, size_t& bytes) {
  const AccountResult& account = page_.accounts[next_account_];
  v1::ExportRecord& record = *frame.add_records();
  // The account is told in each of its parts.
  ToProto(AccountResult(account), *record.mutable_account());
  bytes += record.account().ByteSizeLong();
  const storage::Family home = table_->Find(account.account.routing_key()).home;
  const size_t bytes_left = limits::kPageBytesMax - std::min(bytes, limits::kPageBytesMax);
  SHARDD_ASSIGN_OR_RETURN(EntryPage page,
                          ReadEntries(*view_, home, account.account, after_key_, bytes_left));
  for (Entry& entry : page.entries) {
    bytes += entry.key.size() + entry.value.size();
    if (page.more) after_key_ = entry.key;
    ToProto(std::move(entry), *record.add_entries());
  }
  record.set_continues(page.more);
  if (page.more) return absl::OkStatus();
  after_key_.clear();
  position_ = PositionOf(account.account);
  ++next_account_;
  return absl::OkStatus();
}

void ExportStream::OnOver() { view_.reset(); }

}  // namespace shardd::rpc
