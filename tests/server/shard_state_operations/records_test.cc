// Plan: hold the stored bytes of each record and of a page token against literals, and refuse
// everything else.

#include "server/shard_state_operations/records.h"

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"
#include "server/base/codec.h"
#include "server/base/limits.h"
#include "server/shard_state_operations/page_token.h"
#include "tests/support/record_bytes.h"

namespace shardd {
namespace {

TEST(EntryRecordTest, StoredBytes) {
  const std::string bytes = EntryRecord{300, "va"}.Encode();
  EXPECT_EQ(Hex(bytes),
            "01"
            "ac02"
            "7661");
  ASSERT_OK_AND_ASSIGN(const EntryRecord entry, EntryRecord::Decode(bytes));
  EXPECT_EQ(entry.revision, 300u);
  EXPECT_EQ(entry.value, "va");
  ASSERT_OK_AND_ASSIGN(const EntryRecord empty, EntryRecord::Decode(FromHex("0105")));
  EXPECT_TRUE(empty.value.empty());
}

TEST(EntryRecordTest, RefusesOtherBytes) {
  const std::string bytes = EntryRecord{300, "va"}.Encode();
  ExpectOtherLengthsRefused(bytes, EntryRecord::Decode, /*tail_from=*/3);
  ExpectOtherVersionsRefused(bytes, EntryRecord::Decode);
  ExpectGarbageIsHarmless(bytes, EntryRecord::Decode);
}

OutcomeRecord Applied() {
  OutcomeRecord outcome;
  outcome.fingerprint = {0x0102030405060708, 0x090a0b0c0d0e0f10};
  outcome.time = absl::FromUnixMicros(1);
  outcome.revision = 300;
  outcome.results = {{.integer = -1}, {.deleted = 2}, {.length = 3}};
  return outcome;
}

OutcomeRecord Refused() {
  OutcomeRecord outcome;
  outcome.fingerprint = {1, 2};
  outcome.time = absl::FromUnixMicros(-1);
  outcome.reason = Reason::kPreconditionFailed;
  outcome.message = "no";
  outcome.metadata = {{"a", "1"}, {"b", ""}};
  return outcome;
}

constexpr char kAppliedHex[] =
    "01"
    "0102030405060708"
    "090a0b0c0d0e0f10"
    "02"
    "00"
    "00"
    "00"
    "ac02"
    "03"
    "010000"
    "000200"
    "000003"
    "00";
constexpr char kRefusedHex[] =
    "01"
    "0000000000000001"
    "0000000000000002"
    "01"
    "22"
    "026e6f"
    "02"
    "01610131"
    "016200"
    "00"
    "00"
    "00";

TEST(OutcomeRecordTest, StoredBytes) {
  EXPECT_EQ(Hex(Applied().Encode()), kAppliedHex);
  EXPECT_EQ(Hex(Refused().Encode()), kRefusedHex);
  OutcomeRecord created = Applied();
  created.results.clear();
  created.account.emplace();
  created.account->revision = 1;
  created.account->create_time = created.account->update_time = absl::UnixEpoch();
  // The account is its own record, with its length before it.
  EXPECT_EQ(Hex(created.Encode()),
            "01"
            "0102030405060708"
            "090a0b0c0d0e0f10"
            "02"
            "00"
            "00"
            "00"
            "ac02"
            "00"
            "0d"
            "01010100000000000000000000");
  ASSERT_OK_AND_ASSIGN(const OutcomeRecord decoded, OutcomeRecord::Decode(created.Encode()));
  EXPECT_EQ(decoded.account, created.account);
}

TEST(OutcomeRecordTest, ComesBack) {
  ASSERT_OK_AND_ASSIGN(const OutcomeRecord applied, OutcomeRecord::Decode(Applied().Encode()));
  EXPECT_TRUE(applied.applied());
  EXPECT_EQ(applied.fingerprint, Applied().fingerprint);
  EXPECT_EQ(applied.time, Applied().time);
  EXPECT_EQ(applied.revision, 300u);
  EXPECT_EQ(applied.results, Applied().results);
  EXPECT_FALSE(applied.account.has_value());
  ASSERT_OK_AND_ASSIGN(const OutcomeRecord refused, OutcomeRecord::Decode(Refused().Encode()));
  EXPECT_FALSE(refused.applied());
  EXPECT_THAT(refused.error(), HasReason(Reason::kPreconditionFailed));
  EXPECT_EQ(refused.error().message(), "no");
  EXPECT_EQ(MetadataOf(refused.error()), Refused().metadata);
}

TEST(OutcomeRecordTest, RefusesOtherBytes) {
  for (const std::string& bytes : {Applied().Encode(), Refused().Encode()}) {
    ExpectOtherLengthsRefused(bytes, OutcomeRecord::Decode);
    ExpectOtherVersionsRefused(bytes, OutcomeRecord::Decode);
    ExpectGarbageIsHarmless(bytes, OutcomeRecord::Decode);
  }
  // A reason of 65536 must not be cut to 0, which would say that the request took effect.
  const std::string zero(34, '0');
  EXPECT_THAT(OutcomeRecord::Decode(FromHex("01" + zero +
                                            "00"
                                            "00"
                                            "00"
                                            "00"
                                            "00"
                                            "00")),
              IsOk());
  EXPECT_THAT(OutcomeRecord::Decode(FromHex("01" + zero +
                                            "808004"
                                            "00"
                                            "00"
                                            "00"
                                            "00"
                                            "00")),
              HasReason(Reason::kStorageCorrupt));
  // An account inside that is no account.
  EXPECT_THAT(OutcomeRecord::Decode(FromHex("01" + zero +
                                            "00"
                                            "00"
                                            "00"
                                            "00"
                                            "00"
                                            "0101")),
              HasReason(Reason::kStorageCorrupt));
}

TEST(OutcomeOrderRecordTest, StoredBytes) {
  const OutcomeOrderRecord order{absl::FromUnixMicros(64), "req"};
  const std::string bytes = order.Encode();
  EXPECT_EQ(Hex(bytes),
            "01"
            "8001"
            "03726571");
  ASSERT_OK_AND_ASSIGN(const OutcomeOrderRecord decoded, OutcomeOrderRecord::Decode(bytes));
  EXPECT_EQ(decoded.time, order.time);
  EXPECT_EQ(decoded.request_id, "req");
  ExpectOtherLengthsRefused(bytes, OutcomeOrderRecord::Decode);
  ExpectOtherVersionsRefused(bytes, OutcomeOrderRecord::Decode);
  ExpectGarbageIsHarmless(bytes, OutcomeOrderRecord::Decode);
}

TEST(ShardStatsTest, StoredBytes) {
  const ShardStats stats{1, 300, 65536, 7};
  const std::string bytes = stats.Encode();
  EXPECT_EQ(Hex(bytes),
            "01"
            "01"
            "ac02"
            "808004"
            "07");
  ASSERT_OK_AND_ASSIGN(const ShardStats decoded, ShardStats::Decode(bytes));
  EXPECT_EQ(decoded, stats);
  EXPECT_EQ(Hex(ShardStatsKey(ShardId{258})),
            "73686172642f"
            "0000000000000102");
  ExpectOtherLengthsRefused(bytes, ShardStats::Decode);
  ExpectOtherVersionsRefused(bytes, ShardStats::Decode);
  ExpectGarbageIsHarmless(bytes, ShardStats::Decode);
}

constexpr Hash128 kQuery{0x1111111111111111, 0x0101010101010101};

TEST(PageTokenTest, TokenBytes) {
  const std::string token = EncodePageToken(kQuery, "key");
  std::string bytes;
  ASSERT_TRUE(absl::WebSafeBase64Unescape(token, &bytes));
  EXPECT_EQ(Hex(bytes),
            "01"
            "1010101010101010"
            "036b6579");
  ASSERT_OK_AND_ASSIGN(const std::string position, DecodePageToken(token, kQuery));
  EXPECT_EQ(position, "key");
}

TEST(PageTokenTest, IsUrlSafeForAnyPosition) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string position(1 + byte % 7, static_cast<char>(byte));
    const std::string token = EncodePageToken(kQuery, position);
    EXPECT_EQ(token.find_first_of("+/= \n"), std::string::npos) << token;
    ASSERT_OK_AND_ASSIGN(const std::string decoded, DecodePageToken(token, kQuery));
    EXPECT_EQ(decoded, position);
  }
}

TEST(PageTokenTest, RefusesWhatWasNotIssuedForThisQuery) {
  const std::string token = EncodePageToken(kQuery, "key");
  ASSERT_OK_AND_ASSIGN(const std::string first, DecodePageToken("", kQuery));
  EXPECT_EQ(first, "");
  const auto encoded = [](absl::string_view hex) {
    return absl::WebSafeBase64Escape(FromHex(hex));
  };
  const struct {
    const char* name;
    std::string token;
  } rows[] = {
      {"of another query", EncodePageToken({1, 2}, "key")},
      {"not base64", "!!!"},
      {"empty after decoding", "===="},
      {"cut", token.substr(0, token.size() - 2)},
      {"longer", token + token},
      {"another version", encoded("02"
                                  "1010101010101010"
                                  "036b6579")},
      {"no position", encoded("01"
                              "1010101010101010"
                              "00")},
      {"position too long", encoded("01"
                                    "1010101010101010"
                                    "ff016b")},
      {"a byte behind", encoded("01"
                                "1010101010101010"
                                "036b657900")},
  };
  for (const auto& row : rows) {
    EXPECT_THAT(DecodePageToken(row.token, kQuery), HasReason(Reason::kInvalidPageToken))
        << row.name;
  }
}

TEST(PageSizeTest, DefaultAndMaximum) {
  EXPECT_EQ(PageSize(0), limits::kPageSizeDefault);
  EXPECT_EQ(PageSize(1), 1u);
  EXPECT_EQ(PageSize(limits::kPageSizeMax), limits::kPageSizeMax);
  EXPECT_EQ(PageSize(limits::kPageSizeMax + 1), limits::kPageSizeMax);
  EXPECT_EQ(PageSize(SIZE_MAX), limits::kPageSizeMax);
}

}  // namespace
}  // namespace shardd
