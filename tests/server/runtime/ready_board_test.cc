// Plan: owners tell what is ready, consumers wait for it and look; see who is called, in which
// order, and that nothing lies ready while somebody waits.
#include "server/runtime/ready_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace shardd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const AccountRef kA{"shop", "a"};
const AccountRef kB{"shop", "b"};

class ReadyBoardTest : public ::testing::Test {
 protected:
  ReadyBoard::WaitId Wait(const std::string& who, AccountRef topic, bool several = false,
                          bool choosy = false) {
    return board_.Wait({std::move(topic), several, choosy},
                       [this, who] { called_.push_back(who); });
  }
  // An account comes into a line, which begins with it.
  void Come(ShardId shard, const AccountRef& account, bool held = false) {
    MessagesReady ready{shard, {}};
    ready.news.came.emplace_back(account, held);
    ready.news.lines.emplace(LineName{account.name_space, held}, true);
    board_.Tell(ready);
  }
  void End(ShardId shard, bool held = false) {
    MessagesReady ready{shard, {}};
    ready.news.lines.emplace(LineName{"shop", held}, false);
    board_.Tell(ready);
  }
  std::vector<std::string> Called() { return std::exchange(called_, {}); }

  ReadyBoard board_;
  std::vector<std::string> called_;
};

TEST_F(ReadyBoardTest, ShardsTakeTurns) {
  EXPECT_EQ(board_.Next("shop", false), std::nullopt);
  Come(ShardId{2}, kA);
  Come(ShardId{5}, kB);
  EXPECT_EQ(board_.Next("shop", false), ShardId{2});
  EXPECT_EQ(board_.Next("shop", false), ShardId{5});
  EXPECT_EQ(board_.Next("shop", false), ShardId{2});
  EXPECT_EQ(board_.Next("other", false), std::nullopt);
  End(ShardId{2});
  EXPECT_EQ(board_.Next("shop", false), ShardId{5});
  board_.Forget(ShardId{5});
  EXPECT_EQ(board_.Next("shop", false), std::nullopt);
}

TEST_F(ReadyBoardTest, HeldAccountsAreForWhoWantsSeveral) {
  Come(ShardId{2}, kA, /*held=*/true);
  EXPECT_EQ(board_.Next("shop", false), std::nullopt);
  EXPECT_EQ(board_.Next("shop", true), ShardId{2});
  Come(ShardId{3}, kB);
  EXPECT_EQ(board_.Next("shop", true), ShardId{3}) << "the others first";
}

TEST_F(ReadyBoardTest, OneIsCalledForEach) {
  for (const char* who : {"1", "2", "3"}) Wait(who, {"shop", ""});
  Wait("other", {"other", ""});
  Come(ShardId{2}, kA);
  EXPECT_THAT(Called(), ElementsAre("1"));
  Come(ShardId{2}, kB);
  EXPECT_THAT(Called(), ElementsAre("2"));
  EXPECT_EQ(board_.waiting(), 4u);
}

TEST_F(ReadyBoardTest, AnAccountsConsumersAreCalledToo) {
  Wait("of b", kB);
  Wait("of a", kA);
  Wait("any", {"shop", ""});
  Come(ShardId{2}, kA);
  EXPECT_THAT(Called(), ElementsAre("of a", "any"));
}

TEST_F(ReadyBoardTest, WhoDoesNotWantSeveralIsPassedOver) {
  Wait("1", {"shop", ""});
  Wait("2", {"shop", ""}, /*several=*/true);
  Come(ShardId{2}, kA, /*held=*/true);
  EXPECT_THAT(Called(), ElementsAre("2"));
}

TEST_F(ReadyBoardTest, WhoIsChoosyIsCalledForEach) {
  Wait("gold", {"shop", ""}, false, /*choosy=*/true);
  Wait("any 1", {"shop", ""});
  Wait("silver", {"shop", ""}, false, /*choosy=*/true);
  Wait("any 2", {"shop", ""});
  Come(ShardId{2}, kA);
  EXPECT_THAT(Called(), ElementsAre("gold", "any 1", "silver"));
}

TEST_F(ReadyBoardTest, WhoFindsNothingWaitsOn) {
  const auto first = Wait("1", {"shop", ""});
  Wait("2", {"shop", ""});
  Come(ShardId{2}, kA);
  EXPECT_THAT(Called(), ElementsAre("1"));
  board_.WaitOn(first);
  EXPECT_THAT(Called(), IsEmpty()) << "though it is ready: somebody may have it";
  Come(ShardId{2}, kB);
  EXPECT_THAT(Called(), ElementsAre("2"));
  Come(ShardId{2}, kA);
  EXPECT_THAT(Called(), ElementsAre("1"));
  board_.WaitOn(first);
  board_.WaitOn(first);  // was not called since
  Come(ShardId{2}, kA);
  Come(ShardId{2}, kA);
  EXPECT_THAT(Called(), ElementsAre("1"));
}

TEST_F(ReadyBoardTest, WhoIsDoneCallsTheNextIfThereIsMore) {
  const auto first = Wait("1", {"shop", ""});
  const auto second = Wait("2", {"shop", ""});
  Wait("3", {"shop", ""});
  Come(ShardId{2}, kA);
  EXPECT_THAT(Called(), ElementsAre("1"));
  board_.Done(first);  // gave up: a is ready still
  EXPECT_THAT(Called(), ElementsAre("2"));
  End(ShardId{2});
  board_.Done(second);
  EXPECT_THAT(Called(), IsEmpty());
  EXPECT_EQ(board_.waiting(), 1u);
}

TEST_F(ReadyBoardTest, WhoWasNotCalledCallsNobody) {
  const auto first = Wait("1", {"shop", ""});
  Wait("2", {"shop", ""});
  board_.Done(first);
  EXPECT_THAT(Called(), IsEmpty());
  Come(ShardId{2}, kA);
  EXPECT_THAT(Called(), ElementsAre("2"));
}

TEST_F(ReadyBoardTest, TheNextOfAnAccountLooksItself) {
  const auto first = Wait("1", kA);
  Wait("2", kA);
  Come(ShardId{2}, kA);
  EXPECT_THAT(Called(), ElementsAre("1"));
  board_.Done(first);
  EXPECT_THAT(Called(), ElementsAre("2"));
}

}  // namespace
}  // namespace shardd
