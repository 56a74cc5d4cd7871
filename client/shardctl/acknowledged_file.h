#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/shardctl/importer.h"

namespace shardd::shardctl {

// What an import was told is durable, for who wants to hold the daemon to it: one line of JSON for
// each write, with namespace, id and revision. Lines survive the death of this process, not that of
// the machine.
//
// Thread safety: none.
class AcknowledgedFile {
 public:
  // Goes on behind what is in the file. A last line that was cut off is left as one of its own.
  static absl::StatusOr<std::unique_ptr<AcknowledgedFile>> Open(const std::string& path);

  ~AcknowledgedFile();
  AcknowledgedFile(const AcknowledgedFile&) = delete;
  AcknowledgedFile& operator=(const AcknowledgedFile&) = delete;

  absl::Status Append(const std::vector<Acknowledgement>& writes);

 private:
  AcknowledgedFile(std::string path, int file);
  absl::Status Write(const std::string& text);
  absl::Status EndCutLine();

  const std::string path_;
  const int file_;
};

}  // namespace shardd::shardctl
