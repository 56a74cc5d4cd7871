// Plan: tables of good and bad names at every bound, each row with a name.

#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "server/account/account_record.h"
#include "server/account/account_ref.h"
#include "server/account/namespace_record.h"
#include "server/base/limits.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

// Plan: RFC 3629's table, with the bytes just inside and just outside of each range.
TEST(Utf8Test, Table) {
  const struct {
    const char* name;
    std::string text;
    bool good;
  } rows[] = {
      {"empty", "", true},
      {"ascii", "account-1", true},
      {"NUL", std::string("\0", 1), true},
      {"DEL", "\x7f", true},
      {"two bytes, first", "\xc2\x80", true},
      {"two bytes, last", "\xdf\xbf", true},
      {"three bytes, first", "\xe0\xa0\x80", true},
      {"before the surrogates", "\xed\x9f\xbf", true},
      {"after the surrogates", "\xee\x80\x80", true},
      {"three bytes, last", "\xef\xbf\xbf", true},
      {"four bytes, first", "\xf0\x90\x80\x80", true},
      {"U+10FFFF", "\xf4\x8f\xbf\xbf", true},
      {"mixed", "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z", true},
      {"lone continuation", "\x80", false},
      {"lone continuation, last", "\xbf", false},
      {"overlong, two bytes", "\xc0\x80", false},
      {"overlong, two bytes, last", "\xc1\xbf", false},
      {"overlong, three bytes", "\xe0\x9f\xbf", false},
      {"overlong, four bytes", "\xf0\x8f\xbf\xbf", false},
      {"surrogate, first", "\xed\xa0\x80", false},
      {"surrogate, last", "\xed\xbf\xbf", false},
      {"past U+10FFFF", "\xf4\x90\x80\x80", false},
      {"five bytes", "\xf8\x88\x80\x80\x80", false},
      {"0xfe", "\xfe", false},
      {"0xff", "\xff", false},
      {"cut after one of two", "\xc3", false},
      {"cut after one of three", "\xe2", false},
      {"cut after two of three", "\xe2\x82", false},
      {"cut after three of four", "\xf0\x9f\x98", false},
      {"second byte is ascii", "\xc3z", false},
      {"third byte is ascii", "\xe2\x82z", false},
      {"fourth byte starts anew", "\xf0\x9f\x98\xc3", false},
      {"bad at the end", "good\xff", false},
      {"good after bad", "\xffgood", false},
  };
  for (const auto& row : rows) EXPECT_EQ(IsUtf8(row.text), row.good) << row.name;
}

TEST(NamesTest, Namespaces) {
  const struct {
    const char* name;
    std::string text;
    bool good;
  } rows[] = {
      {"one letter", "a", true},
      {"all kinds", "a-0z9", true},
      {"hyphens only", "-", true},
      {"longest", std::string(limits::kNamespaceBytesMax, 'a'), true},
      {"empty", "", false},
      {"one too long", std::string(limits::kNamespaceBytesMax + 1, 'a'), false},
      {"upper case", "Debian", false},
      {"underscore", "a_b", false},
      {"dot", "a.b", false},
      {"slash", "a/b", false},
      {"blank", "a b", false},
      {"newline", "a\n", false},
      {"NUL", std::string("a\0", 2), false},
      {"not ascii", "\xc3\xa4", false},
  };
  for (const auto& row : rows) {
    const absl::Status status = ValidateNamespaceName(row.text);
    EXPECT_EQ(status.ok(), row.good) << row.name;
    if (row.good) continue;
    EXPECT_THAT(status, HasReason(Reason::kInvalidField)) << row.name;
    EXPECT_EQ(MetadataOf(status)["field"], "namespace") << row.name;
    EXPECT_THAT(ValidateAccountRef({row.text, "x"}), row.text.empty()
                                                         ? testing::Matcher<absl::Status>(IsOk())
                                                         : HasReason(Reason::kInvalidField))
        << row.name;
  }
}

TEST(NamesTest, AccountIds) {
  const struct {
    const char* name;
    std::string id;
    bool good;
  } rows[] = {
      {"one byte", "a", true},
      {"a URN", "urn:isbn:0451450523", true},
      {"longest", std::string(limits::kAccountIdBytesMax, 'a'), true},
      {"two-byte letters to the last byte", "\xc3\xa4", true},
      {"NUL", std::string("\0", 1), true},
      {"empty", "", false},
      {"one too long", std::string(limits::kAccountIdBytesMax + 1, 'a'), false},
      {"not UTF-8", "\xff", false},
      {"cut letter at the bound", std::string(limits::kAccountIdBytesMax - 1, 'a') + "\xc3", false},
  };
  for (const auto& row : rows) {
    const absl::Status status = ValidateAccountRef({"ns", row.id});
    EXPECT_EQ(status.ok(), row.good) << row.name;
    if (row.good) continue;
    EXPECT_THAT(status, HasReason(Reason::kInvalidField)) << row.name;
    EXPECT_EQ(MetadataOf(status)["field"], "account.id") << row.name;
  }
}

TEST(NamesTest, RequestIds) {
  EXPECT_THAT(ValidateRequestId(""), IsOk());
  EXPECT_THAT(ValidateRequestId(std::string(limits::kRequestIdBytesMax, 'r')), IsOk());
  EXPECT_THAT(ValidateRequestId(std::string(limits::kRequestIdBytesMax + 1, 'r')),
              HasReason(Reason::kInvalidField));
}

Labels LabelsOfCount(size_t count) {
  Labels labels;
  for (size_t i = 0; i < count; ++i) labels["l" + std::to_string(i)] = "";
  return labels;
}

TEST(NamesTest, LabelsTable) {
  using limits::kAccountLabelsMax;
  using limits::kLabelKeyBytesMax;
  using limits::kLabelValueBytesMax;
  const struct {
    const char* name;
    Labels labels;
    bool good;
  } rows[] = {
      {"none", {}, true},
      {"as many as allowed", LabelsOfCount(kAccountLabelsMax), true},
      {"one too many", LabelsOfCount(kAccountLabelsMax + 1), false},
      {"longest key", {{std::string(kLabelKeyBytesMax, 'k'), ""}}, true},
      {"key too long", {{std::string(kLabelKeyBytesMax + 1, 'k'), ""}}, false},
      {"empty key", {{"", "value"}}, false},
      {"key not UTF-8", {{"\xff", ""}}, false},
      {"longest value", {{"k", std::string(kLabelValueBytesMax, 'v')}}, true},
      {"value too long", {{"k", std::string(kLabelValueBytesMax + 1, 'v')}}, false},
      {"value not UTF-8", {{"k", "\xff"}}, false},
      {"bad one among good ones", {{"a", ""}, {"b", "\xff"}, {"c", ""}}, false},
  };
  for (const auto& row : rows) {
    const absl::Status status = ValidateLabels(row.labels);
    EXPECT_EQ(status.ok(), row.good) << row.name;
    if (!row.good) {
      EXPECT_EQ(MetadataOf(status)["field"], "labels") << row.name;
    }
  }
}

TEST(NamesTest, AccountLimits) {
  const uint64_t entries = limits::kAccountEntriesMax;
  const uint64_t bytes = limits::kAccountBytesMax;
  EXPECT_THAT(ValidateLimits({}), IsOk());
  EXPECT_THAT(ValidateLimits({1, 1}), IsOk());
  EXPECT_THAT(ValidateLimits({entries, bytes}), IsOk());
  EXPECT_EQ(MetadataOf(ValidateLimits({entries + 1, 0}))["field"], "limits.entries_max");
  EXPECT_EQ(MetadataOf(ValidateLimits({0, bytes + 1}))["field"], "limits.bytes_max");
  EXPECT_EQ(AccountLimits().EntriesAllowed(), entries);
  EXPECT_EQ(AccountLimits().BytesAllowed(), bytes);
  EXPECT_EQ((AccountLimits{3, 4}).EntriesAllowed(), 3u);
  EXPECT_EQ((AccountLimits{3, 4}).BytesAllowed(), 4u);
}

TEST(NamesTest, CheckNamespace) {
  NamespaceTable namespaces;
  namespaces["open"];
  namespaces["closing"].state = NamespaceState::kDeleting;
  EXPECT_THAT(CheckNamespace(namespaces, ""), IsOk());
  EXPECT_THAT(CheckNamespace(namespaces, "open"), IsOk());
  EXPECT_THAT(CheckNamespace(namespaces, "closing"), HasReason(Reason::kNamespaceDeleting));
  EXPECT_THAT(CheckNamespace(namespaces, "ope"), HasReason(Reason::kNamespaceNotFound));
}

}  // namespace
}  // namespace shardd
