// Plan: sample made-up traffic whose best cut is known, and judge made-up samples that break one
// rule each.

#include <vector>

#include "gtest/gtest.h"
#include "server/load_balancing_service/limits.h"
#include "server/load_balancing_service/split_key_choice.h"
#include "server/load_balancing_service/split_key_sampler.h"
#include "tests/server/load_balancing_service/snapshot_builder.h"

namespace shardd {
namespace {

const KeyRange kRange{{0, 0}, RoutingKey{1000, 0}};
const AccountRef kAccount{"shop", "a-1"};

void Record(SplitKeySampler& sampler, uint64_t high, absl::Time now = kNow) {
  sampler.Record(now, {kAccount, RoutingKey{high, 0}});
}

SplitChoice Choose(const SplitKeySampler& sampler) {
  SplitSample sample = sampler.sample();
  sample.since = sample.until - absl::Minutes(1);
  return ChooseSplitKey(sample, kRange, SplitKeyRules{});
}

// Plan: nine requests of ten in the last tenth of the range: the cut is there, not in the middle.
TEST(SplitKeySamplerTest, CutsWhereTheRequestsAre) {
  SplitKeySampler sampler(kRange, 1, kNow);
  Random random(2);
  for (int i = 0; i < 20'000; ++i) {
    Record(sampler, random.OneIn(10) ? random.Below(900) : 900 + random.Below(100));
  }
  const SplitChoice choice = Choose(sampler);
  ASSERT_EQ(choice.verdict, SplitVerdict::kCut);
  EXPECT_GT(choice.keys[0].high, 930u);
  EXPECT_LT(choice.keys[0].high, 960u);
  EXPECT_FALSE(choice.hot_account.has_value());
}

TEST(SplitKeySamplerTest, SameSeedSameSample) {
  SplitKeySampler a(kRange, 3, kNow);
  SplitKeySampler b(kRange, 3, kNow);
  SplitKeySampler other(kRange, 4, kNow);
  Random random(5);
  for (int i = 0; i < 1000; ++i) {
    const uint64_t high = random.Below(1000);
    for (SplitKeySampler* sampler : {&a, &b, &other}) Record(*sampler, high);
  }
  EXPECT_EQ(a.sample(), b.sample());
  EXPECT_NE(a.sample(), other.sample());
}

// Plan: with many seeds, the first and the last thousand requests are drawn equally often.
TEST(SplitKeySamplerTest, DrawsEvenlyFromAllRequests) {
  int early = 0;
  int late = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SplitKeySampler sampler(kRange, seed, kNow);
    for (uint64_t i = 0; i < 400; ++i) Record(sampler, i);
    ASSERT_EQ(sampler.sample().candidates.size(), limits::kSplitCandidates);
    for (const SplitCandidate& candidate : sampler.sample().candidates) {
      (candidate.key.high < 200 ? early : late) += 1;
    }
  }
  EXPECT_NEAR(early, late, 400);
}

// Plan: every request after the draw is counted once, on its side; a span is half on each.
TEST(SplitKeySamplerTest, CountsWhereRequestsLie) {
  SplitKeySampler sampler(kRange, 6, kNow);
  Record(sampler, 500);
  Record(sampler, 100);
  Record(sampler, 500);
  Record(sampler, 900);
  sampler.RecordSpan(kNow, {kAccount, {400, 0}}, {kAccount, {600, 0}});
  const SplitCandidate& candidate = sampler.sample().candidates[0];
  EXPECT_EQ(candidate.key.high, 500u);
  EXPECT_EQ(candidate.left, 3u);
  EXPECT_EQ(candidate.at, 2u);
  EXPECT_EQ(candidate.right, 3u);
  EXPECT_EQ(candidate.contained, 1u);
  EXPECT_EQ(candidate.requests(), 4u);
}

TEST(SplitKeySamplerTest, KeysOutsideTheRangeDoNotCount) {
  SplitKeySampler sampler(kRange, 7, kNow);
  Record(sampler, 1000);
  Record(sampler, 5000);
  EXPECT_EQ(sampler.sample().requests, 0u);
}

TEST(SplitKeySamplerTest, AnOldSampleIsBegunAnew) {
  SplitKeySampler sampler(kRange, 8, kNow);
  Record(sampler, 1);
  Record(sampler, 2, kNow + limits::kSampleAgeMax);
  EXPECT_EQ(sampler.sample().requests, 2u);
  const absl::Time later = kNow + limits::kSampleAgeMax + absl::Seconds(1);
  Record(sampler, 3, later);
  EXPECT_EQ(sampler.sample().requests, 1u);
  EXPECT_EQ(sampler.sample().since, later);
}

// One account with `percent` of the requests, in the middle of the others.
SplitChoice ChooseWithHotAccount(uint64_t percent) {
  SplitKeySampler sampler(kRange, 9, kNow);
  Random random(10);
  const AccountRef hot{"shop", "hot"};
  for (int i = 0; i < 20'000; ++i) {
    const bool is_hot = random.Below(100) < percent;
    const uint64_t high = random.Below(1000);
    sampler.Record(kNow, is_hot ? SplitKeySampler::Target{hot, {500, 0}}
                                : SplitKeySampler::Target{kAccount, {high, 1}});
  }
  return Choose(sampler);
}

// Plan: from a share that leaves a cut, over one that must be isolated, to one that nothing helps.
TEST(SplitKeyChoiceTest, TellsAHotAccountFromAHotRange) {
  const SplitChoice cut = ChooseWithHotAccount(15);
  EXPECT_EQ(cut.verdict, SplitVerdict::kCut);
  EXPECT_FALSE(cut.hot_account.has_value());

  const SplitChoice isolate = ChooseWithHotAccount(60);
  ASSERT_EQ(isolate.verdict, SplitVerdict::kIsolate);
  EXPECT_EQ(isolate.hot_account->account.id, "hot");
  EXPECT_NEAR(isolate.hot_account->share, 0.6, 0.05);
  EXPECT_EQ(isolate.keys, (std::vector<RoutingKey>{{500, 0}, {500, 1}}));

  const SplitChoice hopeless = ChooseWithHotAccount(97);
  EXPECT_EQ(hopeless.verdict, SplitVerdict::kWillNotHelp);
  EXPECT_EQ(hopeless.hot_account->account.id, "hot");
  EXPECT_TRUE(hopeless.keys.empty());
}

// Plan: two accounts with nearly half each: a hot account is named, and yet there is a cut.
TEST(SplitKeyChoiceTest, TwoHotAccountsAreParted) {
  SplitKeySampler sampler(kRange, 11, kNow);
  for (int i = 0; i < 1000; ++i) Record(sampler, i % 2 == 0 ? 300 : 600);
  const SplitChoice choice = Choose(sampler);
  ASSERT_EQ(choice.verdict, SplitVerdict::kCut);
  EXPECT_GT(choice.keys[0], (RoutingKey{300, 0}));
  EXPECT_LE(choice.keys[0], (RoutingKey{600, 0}));
  EXPECT_TRUE(choice.hot_account.has_value());
}

// Plan: most requests for the hot account are for others besides: alone, each would span shards.
TEST(SplitKeyChoiceTest, AnAccountThatWorksWithOthersIsNotIsolated) {
  SplitSample sample = SampleOf({Candidate({400, 0}, 100, 800)});
  EXPECT_EQ(ChooseSplitKey(sample, kRange, SplitKeyRules{}).verdict, SplitVerdict::kIsolate);
  sample.candidates[0].contained = 500;
  const SplitChoice choice = ChooseSplitKey(sample, kRange, SplitKeyRules{});
  EXPECT_EQ(choice.verdict, SplitVerdict::kContained);
  EXPECT_TRUE(choice.keys.empty());
}

struct ChoiceRow {
  const char* name;
  SplitSample sample;
  SplitVerdict verdict;
  CutFault fault;
};

SplitSample With(SplitSample sample, void (*plant)(SplitSample&)) {
  plant(sample);
  return sample;
}

// Plan: one good sample, and the same with one rule broken.
TEST(SplitKeyChoiceTest, EachRuleRefusesWhatBreaksIt) {
  const SplitSample good = SampleOf({Candidate({400, 0}, 480)});
  const ChoiceRow rows[] = {
      {"good", good, SplitVerdict::kCut, CutFault::kNone},
      {"just balanced", SampleOf({Candidate({400, 0}, 376)}), SplitVerdict::kCut, CutFault::kNone},
      {"unbalanced", SampleOf({Candidate({400, 0}, 370)}), SplitVerdict::kUnbalanced,
       CutFault::kUnbalanced},
      {"few requests",
       With(good,
            [](SplitSample& sample) {
              SplitCandidate& candidate = sample.candidates[0];
              candidate.left = candidate.right = 98;
              candidate.at = 2;
            }),
       SplitVerdict::kNotRecorded, CutFault::kTooFewRequests},
      {"contained", With(good, [](SplitSample& sample) { sample.candidates[0].contained = 500; }),
       SplitVerdict::kContained, CutFault::kContained},
      {"short", With(good, [](SplitSample& sample) { sample.since = kNow - absl::Seconds(9); }),
       SplitVerdict::kNotRecorded, CutFault::kNone},
  };
  for (const ChoiceRow& row : rows) {
    const SplitChoice choice = ChooseSplitKey(row.sample, kRange, SplitKeyRules{});
    EXPECT_EQ(choice.verdict, row.verdict) << row.name;
    ASSERT_EQ(choice.candidates.size(), 1u) << row.name;
    EXPECT_EQ(choice.candidates[0].fault, row.fault) << row.name;
    EXPECT_EQ(choice.keys.empty(), row.verdict != SplitVerdict::kCut) << row.name;
  }
}

TEST(SplitKeyChoiceTest, TakesTheBestOfTheCandidates) {
  const SplitSample sample =
      SampleOf({Candidate({300, 0}, 400), Candidate({500, 0}, 499), Candidate({600, 0}, 550)});
  EXPECT_EQ(ChooseSplitKey(sample, kRange, SplitKeyRules{}).keys,
            (std::vector<RoutingKey>{{500, 0}}));
}

// Plan: the range began at the candidate's key, or was cut below it, since the sample was taken.
TEST(SplitKeyChoiceTest, NeverCutsOutsideTheRange) {
  const SplitSample sample = SampleOf({Candidate({400, 0}, 480)});
  const KeyRange below{{0, 0}, RoutingKey{400, 0}};
  EXPECT_EQ(ChooseSplitKey(sample, below, SplitKeyRules{}).verdict, SplitVerdict::kNotRecorded);
  const KeyRange from{{400, 0}, std::nullopt};
  EXPECT_EQ(ChooseSplitKey(sample, from, SplitKeyRules{}).keys,
            (std::vector<RoutingKey>{{400, 1}}));
}

TEST(SplitKeyChoiceTest, ASingleKeyCannotBeCut) {
  const KeyRange single{{400, 0}, RoutingKey{400, 1}};
  EXPECT_TRUE(IsSingleKey(single));
  EXPECT_TRUE(IsSingleKey({kLastRoutingKey, std::nullopt}));
  EXPECT_FALSE(IsSingleKey(kRange));
  const SplitSample sample = SampleOf({Candidate({400, 0}, 0, 1000)});
  const SplitChoice choice = ChooseSplitKey(sample, single, SplitKeyRules{});
  EXPECT_EQ(choice.verdict, SplitVerdict::kWillNotHelp);
  EXPECT_EQ(choice.hot_account->share, 1);
}

TEST(SplitKeyChoiceTest, CutsAroundAKeyStayInTheRange) {
  using Keys = std::vector<RoutingKey>;
  EXPECT_EQ(CutsAround({400, 0}, kRange), (Keys{{400, 0}, {400, 1}}));
  EXPECT_EQ(CutsAround({0, 0}, kRange), (Keys{{0, 1}}));
  EXPECT_EQ(CutsAround({999, UINT64_MAX}, kRange), (Keys{{999, UINT64_MAX}}));
  EXPECT_EQ(CutsAround({4, 0}, {{4, 0}, RoutingKey{4, 1}}), Keys{});
}

}  // namespace
}  // namespace shardd
