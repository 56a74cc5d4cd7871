#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/base/hash.h"
#include "server/rpc/write_stream.h"
#include "server/shard_state_operations/account_walk.h"
#include "shardd/v1/admin.pb.h"
#include "storage/store.h"

namespace shardd::rpc {

// AdminService.Export: accounts with their entries, in routing order.
//
// One page of accounts is read as of one moment, with all of their entries; the next page may be of
// a later one. A frame ends at about a MiB. Its token names the last account that it completes, so
// an export that is taken up again repeats whole accounts, never parts.
class ExportStream final : public WriteStream<v1::ExportRequest, v1::ExportResponse> {
 public:
  ExportStream(const Config& config, Lane& lane) : WriteStream(config, lane) {}

 private:
  void OnStart() override;
  void OnWritten() override { Continue(); }
  void OnOver() override;

  absl::Status Begin();
  void Continue();
  absl::Status WriteFrame();
  absl::Status ReadPage();
  // Adds what fits of the next account of the page, and its bytes to `bytes`. An account that does
  // not fit fills the frame.
  absl::Status AddPart(v1::ExportResponse& frame, size_t& bytes);

  std::optional<std::string> name_space_;
  Hash128 query_;
  std::string position_;  // after the last account that was completed
  bool all_written_ = false;

  // The page under way; the view goes with it.
  std::unique_ptr<storage::Reader> view_;
  std::shared_ptr<const RouteTable> table_;
  AccountPage page_;
  size_t next_account_ = 0;
  std::string after_key_;  // of the entries of the account under way
};

}  // namespace shardd::rpc
