#include "tests/sim/wish_maker.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"

namespace shardd::sim {
namespace {

const std::string& NoName() {
  static const std::string& none = *new std::string;
  return none;
}

}  // namespace

const std::string& RequestIdOf(const ShardRequestBody& body) {
  return std::visit(
      [](const auto& request) -> const std::string& {
        using Request = std::decay_t<decltype(request)>;
        if constexpr (std::is_same_v<Request, ApplyRequest> ||
                      std::is_same_v<Request, CreateAccountRequest> ||
                      std::is_same_v<Request, UpdateAccountRequest> ||
                      std::is_same_v<Request, DeleteAccountRequest>) {
          return request.request_id;
        } else {
          return NoName();
        }
      },
      body);
}

std::shared_ptr<const Wish> WishMaker::Make(ShardRequestBody body) {
  auto wish = std::make_shared<Wish>();
  wish->number = next_number_++;
  wish->body = std::move(body);
  if (!RequestIdOf(wish->body).empty()) named_.push_back(wish);
  return wish;
}

std::shared_ptr<const Wish> WishMaker::Next() { return Make(Body()); }

std::shared_ptr<const Wish> WishMaker::Watch(const AccountRef& account, uint64_t start_revision) {
  return Make(WatchRequest{account, start_revision});
}

std::shared_ptr<const Wish> WishMaker::Unwatch(const AccountRef& account) {
  return Make(UnwatchRequest{account});
}

std::shared_ptr<const Wish> WishMaker::Outcome(const Wish& named, bool forbid) {
  return Make(GetOutcomeRequest{*AccountOf(named.body), RequestIdOf(named.body), forbid});
}

ShardRequestBody WishMaker::Body() {
  const uint64_t kind = random_.Below(100);
  if (kind < 36) return Apply();
  if (kind < 50) return Consume();
  if (kind < 57) return CreateAccountRequest{Account(), RequestId(), {{"made", Value()}}, Limits()};
  if (kind < 65) return Update();
  if (kind < 74) {
    const AccountRef& account = Account();
    return DeleteAccountRequest{account, RequestId(), random_.OneIn(3) ? Revision(account) : 0};
  }
  if (kind < 82) return Get();
  if (kind < 88) return Scan();
  if (kind < 95) return Outcome();
  const AccountRef& account = Account();
  return WatchRequest{account, random_.OneIn(2) ? 0 : Revision(account)};
}

ApplyRequest WishMaker::Apply() {
  // Now and then a client uses a name twice; the value makes it another request.
  if (!named_.empty() && random_.OneIn(40)) {
    const Wish& used = *named_[random_.Below(named_.size())];
    ApplyRequest reused;
    reused.account = *AccountOf(used.body);
    reused.request_id = RequestIdOf(used.body);
    reused.create_account = true;
    reused.mutations.push_back(Put{"reused", Value()});
    return reused;
  }
  ApplyRequest request;
  request.account = Account();
  request.request_id = RequestId();
  request.create_account = !random_.OneIn(3);
  for (uint64_t i = random_.Below(8); i < 2; ++i) {
    request.preconditions.push_back(SomePrecondition(request.account));
  }
  for (uint64_t i = random_.Below(5); i < 4; ++i) request.mutations.push_back(SomeMutation());
  if (random_.OneIn(2)) {
    for (uint64_t i = random_.Below(3); i < 3; ++i) request.sends.push_back(SomeSend());
  }
  return request;
}

Send WishMaker::SomeSend() {
  Send send;
  send.receiver = random_.OneIn(12) ? AccountRef{"a", "nobody"} : Account();
  send.payload = Value();
  if (random_.OneIn(6)) send.delay = absl::Milliseconds(random_.Below(3000));
  if (random_.OneIn(6)) {
    send.time_to_live = send.delay + absl::Milliseconds(1 + random_.Below(3000));
  }
  if (random_.OneIn(6)) send.attempts_max = 1 + static_cast<uint32_t>(random_.Below(3));
  return send;
}

MessageLedger::Delivered WishMaker::SomeLease() {
  const auto& reached = messages_.reached();
  const size_t recent = random_.OneIn(4) ? reached.size() : std::min<size_t>(reached.size(), 4);
  return reached[reached.size() - 1 - random_.Below(recent)];
}

ShardRequestBody WishMaker::Consume() {
  const absl::Duration lease = absl::Milliseconds(5 + random_.Below(60));
  if (messages_.reached().empty() || random_.OneIn(2)) {
    return ReceiveRequest{Account(), {1 + random_.Below(3), lease, scenario_.several}};
  }
  const MessageLedger::Delivered delivered = SomeLease();
  switch (random_.Below(6)) {
    case 0:
      return ExtendLeasesRequest{delivered.account, {delivered.lease}, lease};
    case 1:
      return NackRequest{delivered.account,
                         {delivered.lease},
                         random_.OneIn(2) ? absl::ZeroDuration() : lease};
    default:
      break;
  }
  ApplyRequest request = Apply();
  request.account = delivered.account;
  request.acks = {delivered.lease};
  if (random_.OneIn(4)) request.preconditions.clear();
  return request;
}

std::shared_ptr<const Wish> WishMaker::Receive(const AccountRef& account) {
  return Make(ReceiveRequest{account, {1, absl::Seconds(1), false}});
}

std::shared_ptr<const Wish> WishMaker::Ack(const MessageLedger::Delivered& delivered) {
  ApplyRequest request;
  request.account = delivered.account;
  request.acks = {delivered.lease};
  return Make(std::move(request));
}

std::shared_ptr<const Wish> WishMaker::Activate(const AccountRef& account) {
  UpdateAccountRequest request;
  request.account = account;
  request.state = AccountState::kActive;
  return Make(std::move(request));
}

UpdateAccountRequest WishMaker::Update() {
  UpdateAccountRequest request;
  request.account = Account();
  request.request_id = RequestId();
  if (random_.OneIn(2)) request.labels = Labels{{"updated", Value()}};
  if (random_.OneIn(3)) request.limits = Limits();
  const bool must = !request.labels.has_value() && !request.limits.has_value();
  if (must || random_.OneIn(3)) {
    request.state = random_.OneIn(3) ? AccountState::kFrozen : AccountState::kActive;
  }
  if (random_.OneIn(3)) request.expected_revision = Revision(request.account);
  return request;
}

ShardRequestBody WishMaker::Outcome() {
  const bool forbid = random_.OneIn(2);
  if (named_.empty() || random_.OneIn(6)) {
    return GetOutcomeRequest{Account(), absl::StrCat("never-", next_number_), forbid};
  }
  // Mostly a recent one: it may still be on its way.
  const size_t recent = std::min<size_t>(named_.size(), 6);
  const Wish& named = *named_[named_.size() - 1 - random_.Below(recent)];
  return GetOutcomeRequest{*AccountOf(named.body), RequestIdOf(named.body), forbid};
}

GetRequest WishMaker::Get() {
  GetRequest request{Account(), {Key()}};
  if (random_.OneIn(3)) request.keys.push_back(Key());
  return request;
}

ScanRequest WishMaker::Scan() {
  ScanRequest request;
  request.account = Account();
  if (random_.OneIn(3)) request.prefix = "k";
  if (random_.OneIn(4)) request.start = Key();
  if (random_.OneIn(4)) request.end = Key();
  request.reverse = random_.OneIn(2);
  request.keys_only = random_.OneIn(4);
  request.page_size = random_.Below(4);
  return request;
}

Mutation WishMaker::SomeMutation() {
  switch (random_.Below(9)) {
    case 0:
      return Delete{Key()};
    case 1:
      return DeletePrefix{random_.OneIn(2) ? "k" : ""};
    case 2:
    case 3:
      return AddInteger{random_.OneIn(5) ? Key() : "n",
                        random_.OneIn(20) ? INT64_MAX : int64_t(random_.Below(9)) - 4};
    case 4:
      return Append{Key(), Value()};
    default:
      return Put{Key(), Value()};
  }
}

Precondition WishMaker::SomePrecondition(const AccountRef& account) {
  const ModelAccount* now = model_.Find(account);
  const std::string key = Key();
  ModelEntry entry;
  if (now != nullptr && now->entries.contains(key)) entry = now->entries.at(key);
  switch (random_.Below(5)) {
    case 0:
      return EntryExists{key};
    case 1:
      return EntryAbsent{key};
    case 2:
      return EntryRevisionIs{key, entry.revision};
    case 3:
      return EntryValueIs{key, entry.value};
    default:
      return AccountRevisionIs{Revision(account)};
  }
}

std::string WishMaker::Key() { return absl::StrCat("k", random_.Below(5)); }

std::string WishMaker::Value() { return absl::StrCat("v", next_value_++); }

std::string WishMaker::RequestId() {
  return random_.OneIn(4) ? "" : absl::StrCat("r", next_number_);
}

AccountLimits WishMaker::Limits() {
  return {random_.OneIn(2) ? 0 : 1 + random_.Below(4),
          random_.OneIn(2) ? 0 : 8 + random_.Below(40)};
}

// Mostly what it is now, as a client would have it that has just read.
uint64_t WishMaker::Revision(const AccountRef& account) {
  const ModelAccount* now = model_.Find(account);
  const uint64_t revision = now == nullptr ? 0 : now->revision;
  return random_.OneIn(4) ? revision / 2 + random_.Below(4) : revision;
}

}  // namespace shardd::sim
