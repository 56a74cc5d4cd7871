#include "server/http/admin_pages.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace shardd::http {
namespace {

Response Get(const AdminPages& pages, const std::string& path, const std::string& query = "") {
  return pages({.method = "GET", .path = path, .query = query});
}

// Plan: ask for each page while all checks are ok.
TEST(AdminPagesTest, AnswersWhileAllIsWell) {
  const AdminPages pages(
      [] {
        return std::vector<ReadyCheck>{{"storage", true, ""}};
      },
      [] { return std::string("m 1\n"); });
  EXPECT_EQ(Get(pages, "/livez").status, 200);
  EXPECT_EQ(Get(pages, "/livez").body, "ok\n");
  EXPECT_EQ(Get(pages, "/readyz").status, 200);
  EXPECT_EQ(Get(pages, "/readyz").body, "ready\n");
  EXPECT_EQ(Get(pages, "/readyz", "verbose").body, "[+] storage ok\nready\n");
  EXPECT_EQ(Get(pages, "/metrics").body, "m 1\n");
  EXPECT_EQ(Get(pages, "/metrics").content_type, "text/plain; version=0.0.4; charset=utf-8");
  for (const char* path : {"/", "", "/livez/", "/livezz", "/metrics/../etc", "/favicon.ico"}) {
    EXPECT_EQ(Get(pages, path).status, 404) << path;
  }
}

// Plan: one of two checks fails; readiness is 503 and says which, liveness does not care.
TEST(AdminPagesTest, OneFailedCheckIsNotReadyButAlive) {
  const AdminPages pages(
      [] {
        return std::vector<ReadyCheck>{{"storage", true, ""}, {"serving", false, "it is draining"}};
      },
      [] { return std::string(); });
  EXPECT_EQ(Get(pages, "/livez").status, 200);
  EXPECT_EQ(Get(pages, "/readyz").status, 503);
  EXPECT_EQ(Get(pages, "/readyz").body, "not ready\n");
  for (const char* query : {"verbose", "verbose=1", "x=1&verbose"}) {
    EXPECT_EQ(Get(pages, "/readyz", query).body,
              "[+] storage ok\n[-] serving failed: it is draining\nnot ready\n")
        << query;
  }
  for (const char* query : {"", "quiet", "verbosely", "x=verbose"}) {
    EXPECT_EQ(Get(pages, "/readyz", query).body, "not ready\n") << query;
  }
}

}  // namespace
}  // namespace shardd::http
