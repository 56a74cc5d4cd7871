#include "server/core/event.h"

#include <gtest/gtest.h>

namespace shardd {
namespace {

// Plan: ask every kind of request for its account and its weight; what ends a watch or a delivery
// and what the coordinator asks must fit any mailbox, everything else weighs something.
TEST(EventTest, AccountAndWeightOfEveryRequest) {
  struct Row {
    const char* name;
    ShardRequestBody body;
    bool has_account;
    bool has_weight;
  };
  const AccountRef account{"shop", "cart"};
  const auto about = [&account](auto request) {
    request.account = account;
    return request;
  };
  const Row rows[] = {
      {"apply", about(ApplyRequest{}), true, true},
      {"get", about(GetRequest{}), true, true},
      {"scan", about(ScanRequest{}), true, true},
      {"create", about(CreateAccountRequest{}), true, true},
      {"update", about(UpdateAccountRequest{}), true, true},
      {"delete", about(DeleteAccountRequest{}), true, true},
      {"outcome", about(GetOutcomeRequest{}), true, true},
      {"watch", about(WatchRequest{}), true, true},
      {"unwatch", about(UnwatchRequest{}), true, false},
      {"receive", about(ReceiveRequest{}), true, true},
      {"receive any", ReceiveAnyRequest{.name_space = "shop"}, false, true},
      {"extend", about(ExtendLeasesRequest{}), true, true},
      {"nack", about(NackRequest{}), true, true},
      {"undeliverable", about(SettleUndeliverableRequest{}), true, true},
      {"purge", PurgeNamespace{.name_space = "shop"}, false, false},
      {"reopen", ReopenNamespace{.name_space = "shop"}, false, false},
      {"deliver", about(DeliverMessage{}), true, true},
      {"settle", about(SettleDelivery{}), true, false},
      {"ask about mark", about(AskAboutMark{}), true, false},
      {"drop mark", about(DropMark{}), true, false},
  };
  static_assert(std::size(rows) == std::variant_size_v<ShardRequestBody>);
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const AccountRef* found = AccountOf(row.body);
    ASSERT_EQ(found != nullptr, row.has_account);
    if (found != nullptr) {
      EXPECT_EQ(found->id, "cart");
    }
    EXPECT_EQ(MailboxWeight(row.body) > 0, row.has_weight);
  }
}

TEST(EventTest, TheWeightGrowsWithWhatIsCarried) {
  ApplyRequest small;
  ApplyRequest large;
  large.mutations.push_back(Put{"key", std::string(10'000, 'v')});
  EXPECT_GE(MailboxWeight(large), MailboxWeight(small) + 10'000);
}

}  // namespace
}  // namespace shardd
