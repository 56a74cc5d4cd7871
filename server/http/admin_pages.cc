#include "server/http/admin_pages.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace shardd::http {
namespace {

bool HasParameter(const std::string& query, absl::string_view name) {
  for (absl::string_view part : absl::StrSplit(query, '&')) {
    const absl::string_view key = part.substr(0, part.find('='));
    if (key == name) return true;
  }
  return false;
}

}  // namespace

Response AdminPages::operator()(const Request& request) const {
  if (request.path == "/livez") return {.body = "ok\n"};
  if (request.path == "/readyz") return Ready(HasParameter(request.query, "verbose"));
  if (request.path == "/metrics") {
    return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics_()};
  }
  return {.status = 404, .body = "there are /livez, /readyz and /metrics\n"};
}

Response AdminPages::Ready(bool verbose) const {
  const std::vector<ReadyCheck> checks = checks_();
  const bool ready =
      std::all_of(checks.begin(), checks.end(), [](const ReadyCheck& check) { return check.ok; });
  Response response{.status = ready ? 200 : 503};
  if (verbose) {
    for (const ReadyCheck& check : checks) {
      absl::StrAppend(&response.body, check.ok ? "[+] " : "[-] ", check.name,
                      check.ok ? " ok" : absl::StrCat(" failed: ", check.reason), "\n");
    }
  }
  absl::StrAppend(&response.body, ready ? "ready\n" : "not ready\n");
  return response;
}

}  // namespace shardd::http
