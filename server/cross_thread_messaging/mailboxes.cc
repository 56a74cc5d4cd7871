#include "server/cross_thread_messaging/mailboxes.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/base/check.h"

namespace shardd {

void Mailboxes::Note(const AccountRef& account, absl::Time when, absl::Time now) {
  auto box = boxes_.find(account);
  if (box == boxes_.end()) {
    if (boxes_.size() >= accounts_max_) {
      complete_ = false;
      return;
    }
    box = boxes_.try_emplace(account).first;
  }
  if (when <= now) {
    EndWait(box);
    GetInLine(box);
  } else if (!box->second.place.has_value() && when < box->second.waits_until) {
    EndWait(box);
    Wait(box, when);
  }
}

void Mailboxes::Advance(absl::Time now) {
  while (!waiting_.empty() && waiting_.begin()->first <= now) {
    const auto box = boxes_.find(waiting_.begin()->second);
    SHARDD_CHECK(box != boxes_.end());
    EndWait(box);
    GetInLine(box);
  }
}

std::optional<AccountRef> Mailboxes::Next(const std::string& name_space, bool several) {
  const auto line = lines_.find(name_space);
  if (line == lines_.end()) return std::nullopt;
  for (const AccountRef& account : line->second) {
    const auto box = boxes_.find(account);
    if (!several && !box->second.lent.empty()) continue;
    AccountRef next = account;
    LeaveLine(box);
    ForgetIfDone(box);
    return next;
  }
  return std::nullopt;
}

bool Mailboxes::Pick(const AccountRef& account, bool several) {
  const auto box = boxes_.find(account);
  if (box == boxes_.end() || !box->second.place.has_value()) return false;
  if (!several && !box->second.lent.empty()) return false;
  LeaveLine(box);
  ForgetIfDone(box);
  return true;
}

void Mailboxes::Lend(const AccountRef& account, Lease lease, absl::Time until) {
  Box& box = boxes_[account];
  const bool added = box.lent.emplace(lease.number, Lent{lease.token, until}).second;
  SHARDD_CHECK(added);
  leases_.emplace(until, account, lease.number);
}

const Mailboxes::Lent* Mailboxes::FindLent(const AccountRef& account, uint64_t number) const {
  const auto box = boxes_.find(account);
  if (box == boxes_.end()) return nullptr;
  const auto lent = box->second.lent.find(number);
  return lent == box->second.lent.end() ? nullptr : &lent->second;
}

std::optional<absl::Time> Mailboxes::Until(const AccountRef& account, Lease lease,
                                           absl::Time now) const {
  const Lent* const lent = FindLent(account, lease.number);
  if (lent == nullptr || lent->token != lease.token || lent->until <= now) return std::nullopt;
  return lent->until;
}

void Mailboxes::Extend(const AccountRef& account, Lease lease, absl::Time until) {
  EndLease(account, lease.number);
  Lend(account, lease, until);
}

void Mailboxes::EndLease(const AccountRef& account, uint64_t number) {
  const auto box = boxes_.find(account);
  SHARDD_CHECK(box != boxes_.end());
  const auto lent = box->second.lent.find(number);
  SHARDD_CHECK(lent != box->second.lent.end());
  leases_.erase({lent->second.until, account, number});
  box->second.lent.erase(lent);
  ForgetIfDone(box);
}

bool Mailboxes::IsLent(const AccountRef& account, uint64_t number) const {
  return FindLent(account, number) != nullptr;
}

bool Mailboxes::HoldsAny(const AccountRef& account) const {
  const auto box = boxes_.find(account);
  return box != boxes_.end() && !box->second.lent.empty();
}

std::optional<Mailboxes::Passed> Mailboxes::NextPassed(absl::Time now) {
  if (leases_.empty() || std::get<absl::Time>(*leases_.begin()) > now) return std::nullopt;
  Passed passed{std::get<AccountRef>(*leases_.begin()), std::get<uint64_t>(*leases_.begin())};
  EndLease(passed.account, passed.number);
  return passed;
}

absl::Time Mailboxes::wake_at() const {
  absl::Time wake = absl::InfiniteFuture();
  if (!waiting_.empty()) wake = waiting_.begin()->first;
  if (!leases_.empty()) wake = std::min(wake, std::get<absl::Time>(*leases_.begin()));
  return wake;
}

void Mailboxes::GetInLine(Boxes::iterator box) {
  if (box->second.place.has_value()) return;
  Line& line = lines_[box->first.name_space];
  box->second.place = line.insert(line.end(), box->first);
}

void Mailboxes::LeaveLine(Boxes::iterator box) {
  if (!box->second.place.has_value()) return;
  const auto line = lines_.find(box->first.name_space);
  line->second.erase(*box->second.place);
  box->second.place.reset();
  if (line->second.empty()) lines_.erase(line);
}

void Mailboxes::Wait(Boxes::iterator box, absl::Time until) {
  box->second.waits_until = until;
  waiting_.emplace(until, box->first);
}

void Mailboxes::EndWait(Boxes::iterator box) {
  waiting_.erase({box->second.waits_until, box->first});
  box->second.waits_until = absl::InfiniteFuture();
}

void Mailboxes::ForgetIfDone(Boxes::iterator box) {
  const Box& state = box->second;
  const bool waits = state.waits_until != absl::InfiniteFuture();
  if (state.lent.empty() && !state.place.has_value() && !waits) boxes_.erase(box);
}

Mailboxes Mailboxes::Release(const KeyRange& range) {
  Mailboxes released(accounts_max_);
  released.complete_ = complete_;
  for (auto box = boxes_.begin(); box != boxes_.end();) {
    const auto next = std::next(box);
    if (range.Contains(box->first.routing_key())) {
      const bool in_line = box->second.place.has_value();
      LeaveLine(box);
      waiting_.erase({box->second.waits_until, box->first});
      for (const auto& [number, lent] : box->second.lent) {
        leases_.erase({lent.until, box->first, number});
      }
      const auto adopted = released.Adopt(boxes_.extract(box));
      if (in_line) released.GetInLine(adopted);
    }
    box = next;
  }
  return released;
}

void Mailboxes::Take(Mailboxes other) {
  complete_ = complete_ && other.complete_;
  // Line by line, so that who has waited longer there still does.
  for (auto& [name_space, line] : other.lines_) {
    for (const AccountRef& account : line) {
      auto node = other.boxes_.extract(account);
      node.mapped().place.reset();
      GetInLine(Adopt(std::move(node)));
    }
  }
  while (!other.boxes_.empty()) Adopt(other.boxes_.extract(other.boxes_.begin()));
}

Mailboxes::Boxes::iterator Mailboxes::Adopt(Boxes::node_type node) {
  const auto added = boxes_.insert(std::move(node));
  SHARDD_CHECK(added.inserted);
  const auto& [account, box] = *added.position;
  if (box.waits_until != absl::InfiniteFuture()) waiting_.emplace(box.waits_until, account);
  for (const auto& [number, lent] : box.lent) leases_.emplace(lent.until, account, number);
  return added.position;
}

}  // namespace shardd
