#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/base/random.h"
#include "tests/sim/model.h"
#include "tests/sim/scenario.h"

namespace shardd::sim {

// Makes up what clients want: every kind of request on few accounts and few keys, so that most have
// something to meet. Values are unique, so that each read names its writer.
//
// Thread safety: none.
class WishMaker {
 public:
  WishMaker(const Scenario& scenario, const Model& model, const MessageLedger& messages,
            Random& random)
      : scenario_(scenario), model_(model), messages_(messages), random_(random) {}

  std::shared_ptr<const Wish> Next();
  std::shared_ptr<const Wish> Watch(const AccountRef& account, uint64_t start_revision);
  std::shared_ptr<const Wish> Unwatch(const AccountRef& account);
  // Asks what became of a named wish.
  std::shared_ptr<const Wish> Outcome(const Wish& named, bool forbid);

  // What a consumer does that takes everything in its order.
  std::shared_ptr<const Wish> Receive(const AccountRef& account);
  std::shared_ptr<const Wish> Ack(const MessageLedger::Delivered& delivered);
  std::shared_ptr<const Wish> Activate(const AccountRef& account);

  GetRequest Get();
  ScanRequest Scan();
  const AccountRef& Account() {
    return scenario_.accounts[random_.Below(scenario_.accounts.size())];
  }

  // Wishes with a request id, oldest first: any of them may be sent again.
  const std::vector<std::shared_ptr<const Wish>>& named() const { return named_; }

 private:
  std::shared_ptr<const Wish> Make(ShardRequestBody body);
  ShardRequestBody Body();
  ApplyRequest Apply();
  ShardRequestBody Consume();
  Send SomeSend();
  // Of a message that somebody received, mostly lately.
  MessageLedger::Delivered SomeLease();
  UpdateAccountRequest Update();
  ShardRequestBody Outcome();
  Mutation SomeMutation();
  Precondition SomePrecondition(const AccountRef& account);
  std::string Key();
  std::string Value();
  std::string RequestId();
  AccountLimits Limits();
  uint64_t Revision(const AccountRef& account);

  const Scenario& scenario_;
  const Model& model_;
  const MessageLedger& messages_;
  Random& random_;
  uint64_t next_number_ = 1;
  uint64_t next_value_ = 1;
  std::vector<std::shared_ptr<const Wish>> named_;
};

// The request's id; empty if its kind has none.
const std::string& RequestIdOf(const ShardRequestBody& body);

}  // namespace shardd::sim
