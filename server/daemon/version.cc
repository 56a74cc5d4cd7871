#include "server/daemon/version.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "server/daemon/commit.h"
#include "storage/format.h"

namespace shardd {
namespace {

#if defined(__clang__)
constexpr absl::string_view kCompiler = "clang " __clang_version__;
#else
constexpr absl::string_view kCompiler = "gcc " __VERSION__;
#endif

}  // namespace

Version ThisVersion() {
  return {.version = SHARDD_VERSION,
          .commit = SHARDD_COMMIT,
          .compiler = kCompiler,
          .grpc = SHARDD_GRPC_VERSION,
          .rocksdb = SHARDD_ROCKSDB_VERSION,
          .data_format = storage::kFormatVersion,
          .api = "shardd.v1"};
}

std::string ToTable(const Version& version) {
  return absl::StrCat("shardd ", version.version, " (", version.commit, ")\n", "compiler     ",
                      version.compiler, "\n", "gRPC         ", version.grpc, "\n", "RocksDB      ",
                      version.rocksdb, "\n", "data format  ", version.data_format, "\n",
                      "API          ", version.api, "\n");
}

std::string ToJson(const Version& version) {
  // Nothing here needs escaping: all of it was fixed when the program was built.
  return absl::StrCat(
      "{\"version\":\"", version.version, "\",\"commit\":\"", version.commit, "\",\"compiler\":\"",
      version.compiler, "\",\"grpc\":\"", version.grpc, "\",\"rocksdb\":\"", version.rocksdb,
      "\",\"data_format\":", version.data_format, ",\"api\":\"", version.api, "\"}\n");
}

}  // namespace shardd
