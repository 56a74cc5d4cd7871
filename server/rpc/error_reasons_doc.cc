// Prints the page about error reasons: error_reasons_doc proto/shardd/v1/error_reason.proto

#include <cstdio>
#include <fstream>
#include <string>

#include "server/rpc/reasons_page.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: error_reasons_doc PATH_OF_error_reason.proto\n", stderr);
    return 64;
  }
  std::ifstream file(argv[1]);
  std::string text;
  std::getline(file, text, '\0');
  const absl::StatusOr<std::string> page = shardd::rpc::ReasonsPage(text);
  if (!page.ok() || text.empty()) {
    std::fprintf(stderr, "%s: %s\n", argv[1],
                 text.empty() ? "cannot be read" : std::string(page.status().message()).c_str());
    return 1;
  }
  std::fputs(page->c_str(), stdout);
  return 0;
}
