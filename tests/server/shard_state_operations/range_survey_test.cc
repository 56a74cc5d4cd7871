// Plan: store accounts of many shapes, survey ranges of them in steps of every size, and compare
// with what was stored, counted by hand; then damage records one by one.

#include "server/shard_state_operations/range_survey.h"

#include <functional>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/codec.h"
#include "server/base/hash.h"
#include "server/base/random.h"
#include "server/shard_state_operations/records.h"
#include "server/shard_state_operations/weighted_median.h"
#include "storage/memory_store.h"
#include "tests/support/status_matchers.h"

namespace shardd {
namespace {

using ::testing::HasSubstr;

constexpr storage::Family kHome{1};
const KeyRange kWhole{kFirstRoutingKey, std::nullopt};

class RangeSurveyTest : public testing::Test {
 protected:
  RangeSurveyTest() { EXPECT_TRUE(store_.CreateHome(kHome).ok()); }

  // An account as the shard would store it, with values of `value_bytes`.
  void Store(const AccountRef& ref, int entries, size_t value_bytes, int outcomes = 0,
             AccountState state = AccountState::kActive) {
    const AccountKeys keys(ref);
    AccountRecord record;
    record.state = state;
    record.revision = 7;
    record.outcome_first = 3;
    record.outcome_next = 3 + static_cast<uint64_t>(outcomes);
    storage::WriteSet writes;
    for (int i = 0; i < entries; ++i) {
      const std::string key = absl::StrCat("key", i);
      const std::string value(value_bytes, 'v');
      writes.Put(kHome, keys.Key(RecordType::kEntry, key), EntryRecord{7, value}.Encode());
      ++record.entry_count;
      record.byte_count += key.size() + value.size();
    }
    for (int i = 0; i < outcomes; ++i) {
      const std::string request = absl::StrCat("request", i);
      writes.Put(kHome, keys.Key(RecordType::kOutcome, request), OutcomeRecord().Encode());
      writes.Put(kHome,
                 keys.Key(RecordType::kOutcomeOrder, ByteWriter().Fixed64(3 + uint64_t(i)).Take()),
                 OutcomeOrderRecord{absl::UnixEpoch(), request}.Encode());
    }
    writes.Put(kHome, keys.Key(RecordType::kAccount), record.Encode());
    ASSERT_TRUE(store_.Commit(writes).ok());
  }

  // Accounts of all shapes, in two namespaces and in none.
  void StoreMany(int count) {
    Random random(5);
    for (int i = 0; i < count; ++i) {
      const std::string name_space = i % 3 == 0 ? "" : i % 3 == 1 ? "debian" : "fedora";
      const bool deleted = random.OneIn(8);
      Store({name_space, absl::StrCat("account", i)},
            deleted ? 0 : static_cast<int>(random.Below(6)), random.Below(200),
            static_cast<int>(random.Below(3)),
            deleted           ? AccountState::kDeleted
            : random.OneIn(8) ? AccountState::kFrozen
                              : AccountState::kActive);
    }
  }

  void Put(const std::string& key, std::string value) {
    storage::WriteSet writes;
    writes.Put(kHome, key, std::move(value));
    ASSERT_TRUE(store_.Commit(writes).ok());
  }
  void Delete(const std::string& key) {
    storage::WriteSet writes;
    writes.Delete(kHome, key);
    ASSERT_TRUE(store_.Commit(writes).ok());
  }

  RangeSurvey Survey(const KeyRange& range, RangeSurvey::Options options,
                     size_t records_per_step = 1'000'000) const {
    RangeSurvey survey(store_, kHome, range, options);
    Finish(survey, records_per_step);
    return survey;
  }

  static void Finish(RangeSurvey& survey, size_t records_per_step) {
    for (int steps = 0; steps < 100'000; ++steps) {
      const uint64_t before = survey.totals().record_count;
      const absl::StatusOr<bool> ended = survey.Step(records_per_step);
      ASSERT_THAT(ended, IsOk());
      ASSERT_LE(survey.totals().record_count, before + records_per_step);
      if (*ended) return;
    }
    FAIL() << "the survey does not end";
  }

  // By hand, record by record.
  SurveyTotals CountedByHand(const KeyRange& range) const {
    SurveyTotals totals;
    const auto cursor = store_.NewCursor(kHome, BoundsOf(range));
    for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
      const std::string key(cursor->key());
      const std::string value(cursor->value());
      ++totals.record_count;
      totals.record_bytes += key.size() + value.size();
      totals.checksum += StableHash64(ByteWriter().Fixed64(key.size()).Take() + key + value);
      const RecordKey parsed = *ParseRecordKey(key);
      if (parsed.type != RecordType::kAccount) continue;
      const AccountRecord record = *AccountRecord::Decode(value);
      if (record.state == AccountState::kDeleted) continue;
      ++totals.account_count;
      totals.entry_count += record.entry_count;
      totals.byte_count += record.byte_count;
    }
    return totals;
  }

  // The same of the records of accounts alone.
  SurveyTotals AccountsCountedByHand(const KeyRange& range) const {
    SurveyTotals totals = CountedByHand(range);
    totals.checksum = totals.record_count = totals.record_bytes = 0;
    const auto cursor = store_.NewCursor(kHome, BoundsOf(range));
    for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
      if (ParseRecordKey(cursor->key())->type != RecordType::kAccount) continue;
      ++totals.record_count;
      totals.record_bytes += cursor->key().size() + cursor->value().size();
    }
    return totals;
  }

  // All routing keys that are used, in order.
  std::vector<RoutingKey> RoutingKeys() const {
    std::vector<RoutingKey> keys;
    const auto cursor = store_.NewCursor(kHome, {});
    for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
      const RoutingKey key = *RoutingKeyFromBytes(cursor->key().substr(0, kRoutingKeyBytes));
      if (keys.empty() || keys.back() != key) keys.push_back(key);
    }
    return keys;
  }

  // Which part of the stored bytes lies below the median.
  double PartBelow(const std::optional<RoutingKey>& median) const {
    EXPECT_TRUE(median.has_value());
    if (!median.has_value()) return 0;
    const auto below = CountedByHand({kFirstRoutingKey, *median});
    return static_cast<double>(below.record_bytes) /
           static_cast<double>(CountedByHand(kWhole).record_bytes);
  }

  storage::MemoryStore store_;
};

TEST_F(RangeSurveyTest, TotalsAreThoseCountedByHand) {
  StoreMany(200);
  const RoutingKey middle = RoutingKeys()[100];
  for (const KeyRange& range : {kWhole, RangeOfNamespace("debian"), KeyRange{middle, std::nullopt},
                                KeyRange{kFirstRoutingKey, middle}, KeyRange{middle, middle}}) {
    SCOPED_TRACE(ToHex(range.start));
    const RangeSurvey full = Survey(range, {.checksum = true});
    EXPECT_EQ(full.totals(), CountedByHand(range));
    EXPECT_EQ(full.errors().count, 0u) << full.errors().first;
    const RangeSurvey quick = Survey(range, {.checksum = false});
    EXPECT_EQ(quick.totals(), AccountsCountedByHand(range));
  }
}

TEST_F(RangeSurveyTest, EmptyRange) {
  for (const bool checksum : {false, true}) {
    const RangeSurvey survey = Survey(kWhole, {.checksum = checksum});
    EXPECT_EQ(survey.totals(), SurveyTotals());
    EXPECT_EQ(survey.median_key(), std::nullopt);
    EXPECT_EQ(survey.errors().count, 0u);
  }
}

TEST_F(RangeSurveyTest, HalvesSumUpToTheWholeAtEverySplitKey) {
  StoreMany(60);
  for (const bool checksum : {false, true}) {
    const SurveyTotals whole = Survey(kWhole, {.checksum = checksum}).totals();
    for (const RoutingKey key : RoutingKeys()) {
      SurveyTotals sum = Survey({kFirstRoutingKey, key}, {.checksum = checksum}).totals();
      sum += Survey({key, std::nullopt}, {.checksum = checksum}).totals();
      EXPECT_EQ(sum, whole) << ToHex(key);
    }
  }
}

TEST_F(RangeSurveyTest, StepsOfAnySizeAreOneWalk) {
  StoreMany(60);
  for (const bool checksum : {false, true}) {
    const RangeSurvey whole = Survey(kWhole, {.checksum = checksum});
    for (const size_t step : {1, 2, 7}) {
      const RangeSurvey stepped = Survey(kWhole, {.checksum = checksum}, step);
      EXPECT_EQ(stepped.totals(), whole.totals());
      EXPECT_EQ(stepped.median_key(), whole.median_key());
      EXPECT_EQ(stepped.errors().count, 0u) << stepped.errors().first;
    }
  }
}

TEST_F(RangeSurveyTest, StepAfterTheEndChangesNothing) {
  StoreMany(5);
  for (const bool checksum : {false, true}) {
    RangeSurvey survey = Survey(kWhole, {.checksum = checksum});
    const SurveyTotals totals = survey.totals();
    const absl::StatusOr<bool> ended = survey.Step(10);
    ASSERT_THAT(ended, IsOk());
    EXPECT_TRUE(*ended);
    EXPECT_EQ(survey.totals(), totals);
  }
}

TEST_F(RangeSurveyTest, SeesTheStoreAsItWas) {
  StoreMany(20);
  const SurveyTotals before = CountedByHand(kWhole);
  RangeSurvey survey(store_, kHome, kWhole, {.checksum = true});
  ASSERT_THAT(survey.Step(5), IsOk());
  StoreMany(40);
  Finish(survey, 3);
  EXPECT_EQ(survey.totals(), before);
  EXPECT_NE(CountedByHand(kWhole), before);
}

TEST_F(RangeSurveyTest, ChecksumTellsEveryChange) {
  Store({"", "a"}, 3, 10);
  const AccountKeys keys({"", "a"});
  const std::string key = keys.Key(RecordType::kEntry, "key1");
  const std::string value = EntryRecord{7, std::string(10, 'v')}.Encode();
  const auto checksum = [this] { return Survey(kWhole, {.checksum = true}).totals().checksum; };
  const uint64_t before = checksum();
  Put(key, EntryRecord{7, "vvvvvvvvvw"}.Encode());
  EXPECT_NE(checksum(), before);
  Put(key, value);
  EXPECT_EQ(checksum(), before);
  Delete(key);
  // The same bytes, cut between key and value in another place.
  Put(keys.Key(RecordType::kEntry, absl::StrCat("key1", value.substr(0, 1))), value.substr(1));
  EXPECT_NE(checksum(), before);
}

// Each damage is one error, named; everything else is counted all the same.
TEST_F(RangeSurveyTest, DamageIsReported) {
  const AccountRef ref{"debian", "bash"};
  const AccountKeys keys(ref);
  const std::string record_key = keys.Key(RecordType::kAccount);
  const std::string entry_key = keys.Key(RecordType::kEntry, "key1");
  const std::string order_key = keys.Key(RecordType::kOutcomeOrder, ByteWriter().Fixed64(3).Take());
  struct Row {
    std::string name;
    std::function<void()> damage;
    uint64_t errors = 1;
    std::string text;
  };
  const std::vector<Row> rows = {
      {"entry lost", [&] { Delete(entry_key); }, 1, "3 entries of 42 bytes, but 2 of 28"},
      {"entry too many",
       [&] {
         Put(keys.Key(RecordType::kEntry, "more"), EntryRecord{7, "x"}.Encode());
       },
       1, "3 entries of 42 bytes, but 4 of 47"},
      {"entry of another length",
       [&] {
         Put(entry_key, EntryRecord{7, "x"}.Encode());
       },
       1, "3 entries of 42 bytes, but 3 of 33"},
      // Its bytes are then missing too.
      {"entry unreadable", [&] { Put(entry_key, "\x09"); }, 2, "entry record cannot be read"},
      {"outcome unreadable", [&] { Put(keys.Key(RecordType::kOutcome, "request0"), "?"); }, 1,
       "outcome record cannot be read"},
      {"order of outcomes lost", [&] { Delete(order_key); }, 1, "2 outcomes, but 1 are stored"},
      {"account unreadable", [&] { Put(record_key, "?"); }, 1, "debian"},
      {"account lost", [&] { Delete(record_key); }, 7, "belongs to no account: \\006debian"},
      {"unknown type",
       [&] {
         std::string odd = entry_key;
         odd[kRoutingKeyBytes] = 9;
         Put(odd, "x");
       },
       1, "not of any known form"},
      {"key of no form, and long", [&] { Put(std::string(5000, '\x7f'), "x"); }, 1,
       "not of any known form: 7f7f7f"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Store(ref, 3, 10, 2);
    Store({"", "beside"}, 2, 10, 1);
    row.damage();
    const RangeSurvey survey = Survey(kWhole, {.checksum = true}, 1);
    EXPECT_EQ(survey.errors().count, row.errors);
    EXPECT_THAT(survey.errors().first, HasSubstr(row.text));
    EXPECT_LE(survey.errors().first.size(), 512u);
    EXPECT_GE(survey.totals().account_count, 1u);
    uint64_t stored = 0;
    for (const auto cursor = store_.NewCursor(kHome, {}); cursor != nullptr; ++stored) {
      stored == 0 ? cursor->SeekToFirst() : cursor->Next();
      if (!cursor->Valid()) break;
    }
    EXPECT_EQ(survey.totals().record_count, stored);
    ASSERT_TRUE(store_.DropHome(kHome).ok());
    ASSERT_TRUE(store_.CreateHome(kHome).ok());
  }
}

TEST_F(RangeSurveyTest, QuickSurveyStopsAtAnUnreadableAccount) {
  StoreMany(10);
  Put(AccountKeys({"", "bad"}).Key(RecordType::kAccount), "?");
  RangeSurvey survey(store_, kHome, kWhole, {.checksum = false});
  EXPECT_THAT(survey.Step(100), HasReason(Reason::kStorageCorrupt));
  EXPECT_THAT(survey.Step(100), HasReason(Reason::kStorageCorrupt));
}

TEST_F(RangeSurveyTest, GoneHomeIsSaid) {
  for (const bool checksum : {false, true}) {
    RangeSurvey survey(store_, storage::Family{9}, kWhole, {.checksum = checksum});
    EXPECT_TRUE(storage::IsHomeGone(survey.Step(1).status()));
    EXPECT_TRUE(storage::IsHomeGone(survey.Step(1).status()));
  }
}

TEST_F(RangeSurveyTest, MedianHalvesEvenData) {
  for (int i = 0; i < 500; ++i) Store({"debian", absl::StrCat("account", i)}, 3, 50, 1);
  for (const bool checksum : {false, true}) {
    for (const size_t samples : {32, 1024}) {
      const RangeSurvey survey = Survey(kWhole, {.checksum = checksum, .median_samples = samples});
      const double part = PartBelow(survey.median_key());
      EXPECT_GT(part, 0.4) << checksum << samples;
      EXPECT_LT(part, 0.6) << checksum << samples;
    }
  }
}

TEST_F(RangeSurveyTest, MedianHalvesSkewedData) {
  // The n-th account holds n-th parts of the first, as under a Zipf law, and there are many
  // outcomes here and there.
  for (int i = 0; i < 400; ++i) {
    Store({i % 2 == 0 ? "debian" : "fedora", absl::StrCat("account", i)}, 1 + 400 / (i + 4), 100,
          i % 5 == 0 ? 5 : 0);
  }
  for (const bool checksum : {false, true}) {
    const RangeSurvey survey = Survey(kWhole, {.checksum = checksum});
    const double part = PartBelow(survey.median_key());
    EXPECT_GT(part, 0.4) << checksum;
    EXPECT_LT(part, 0.6) << checksum;
  }
}

TEST_F(RangeSurveyTest, MedianOfFewRoutingKeys) {
  for (const bool checksum : {false, true}) {
    const RangeSurvey::Options options{.checksum = checksum};
    Store({"", "a"}, 100, 100);
    EXPECT_EQ(Survey(kWhole, options).median_key(), std::nullopt) << "one cannot be divided";
    Store({"", "b"}, 1, 1);
    const std::vector<RoutingKey> keys = RoutingKeys();
    ASSERT_EQ(keys.size(), 2u);
    EXPECT_EQ(Survey(kWhole, options).median_key(), keys[1]) << "never the first";
    EXPECT_EQ(Survey(kWhole, {.checksum = checksum, .median_samples = 0}).median_key(),
              std::nullopt);
    ASSERT_TRUE(store_.DropHome(kHome).ok());
    ASSERT_TRUE(store_.CreateHome(kHome).ok());
  }
}

TEST(WeightedMedianTest, IsWithinItsBoundForManyShapes) {
  constexpr size_t kSamples = 64;
  constexpr uint64_t kKeys = 20'000;
  for (const uint64_t shape : {0, 1, 2}) {
    SCOPED_TRACE(shape);
    WeightedMedian median(kSamples);
    Random random(shape);
    std::vector<uint64_t> below{0};
    for (uint64_t i = 0; i < kKeys; ++i) {
      // Even; all at the end; rare and heavy.
      const uint64_t weight = shape == 0   ? 10
                              : shape == 1 ? 1 + i * i / 10'000
                                           : (random.OneIn(200) ? 5'000 : 1);
      median.Add(RoutingKey{i, 0}, weight / 2);
      median.Add(RoutingKey{i, 0}, weight - weight / 2);
      below.push_back(below.back() + weight);
    }
    ASSERT_TRUE(median.median().has_value());
    const double part =
        static_cast<double>(below[median.median()->high]) / static_cast<double>(below.back());
    EXPECT_NEAR(part, 0.5, 4.0 / kSamples);
  }
}

TEST(WeightedMedianTest, OneKeyThatOutweighsAllIsCutOffNext) {
  for (const uint64_t heavy : {0, 1, 500, 999}) {
    WeightedMedian median(16);
    for (uint64_t i = 0; i < 1000; ++i) {
      median.Add(RoutingKey{i, 0}, i == heavy ? 1'000'000 : 1);
    }
    ASSERT_TRUE(median.median().has_value());
    EXPECT_GT(median.median()->high, 0u);
    if (heavy > 0) continue;
    EXPECT_EQ(median.median()->high, 1u);
  }
}

}  // namespace
}  // namespace shardd
