#include "server/cross_thread_messaging/mailboxes.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/base/check.h"

namespace shardd {

bool Mailboxes::Note(const AccountRef& account, absl::Time when, absl::Time now) {
  auto box = boxes_.find(account);
  if (box == boxes_.end()) {
    const bool ready = when <= now;
    if (!(ready ? MakeRoomInLine(account.name_space) : MakeRoomToWait(when))) {
      if (ready) came_.emplace_back(account, false);
      return false;
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
  return true;
}

bool Mailboxes::MakeRoomToWait(absl::Time until) {
  while (remembered() >= accounts_max_) {
    complete_ = false;
    if (waiting_.empty() || std::prev(waiting_.end())->first <= until) {
      forgotten_until_ = std::min(forgotten_until_, until);
      return false;
    }
    ForgetLastWaiting();
  }
  return true;
}

bool Mailboxes::MakeRoomInLine(const std::string& name_space) {
  while (remembered() >= accounts_max_ && !waiting_.empty()) {
    complete_ = false;
    ForgetLastWaiting();
  }
  const auto own = lines_.find({name_space, false});
  if (remembered() < accounts_max_ || own == lines_.end()) return true;
  complete_ = false;
  auto longest = own;
  for (auto line = lines_.begin(); line != lines_.end(); ++line) {
    const bool holds = line->first.second;
    if (!holds && line->second.size() > longest->second.size()) longest = line;
  }
  // What is taken from one must leave it longer than the other was: or the two would take turns.
  const bool take = longest->second.size() > own->second.size() + 1;
  forgotten_.insert(take ? longest->first.first : name_space);
  if (!take) return false;
  const auto last = boxes_.find(longest->second.back());
  LeaveLine(last);
  ForgetIfDone(last);
  return true;
}

void Mailboxes::ForgetLastWaiting() {
  const auto [until, account] = *std::prev(waiting_.end());
  forgotten_until_ = std::min(forgotten_until_, until);
  const auto box = boxes_.find(account);
  EndWait(box);
  ForgetIfDone(box);
}

void Mailboxes::SetComplete() {
  complete_ = true;
  forgotten_until_ = absl::InfiniteFuture();
  forgotten_.clear();
  starves_ = false;
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
  std::optional<AccountRef> next = First({name_space, false});
  if (!next.has_value() && several) next = First({name_space, true});
  if (!next.has_value()) return std::nullopt;
  const auto box = boxes_.find(*next);
  LeaveLine(box);
  ForgetIfDone(box);
  return next;
}

std::optional<AccountRef> Mailboxes::First(const LineName& name) {
  const auto line = lines_.find(name);
  if (line == lines_.end()) return std::nullopt;
  return line->second.front();
}

bool Mailboxes::Pick(const AccountRef& account, bool several) {
  const auto box = boxes_.find(account);
  if (box == boxes_.end()) return !complete_;
  if (!box->second.place.has_value()) return false;
  if (!several && !box->second.lent.empty()) return false;
  LeaveLine(box);
  ForgetIfDone(box);
  return true;
}

void Mailboxes::Lend(const AccountRef& account, uint64_t number, LentMessage lent) {
  const auto box = boxes_.try_emplace(account).first;
  const bool in_line = box->second.place.has_value();
  LeaveLine(box);
  leases_.emplace(lent.until, account, number);
  if (box->second.lent.empty()) ++holding_;
  const bool added = box->second.lent.emplace(number, lent).second;
  SHARDD_CHECK(added);
  if (in_line) GetInLine(box);
}

const LentMessage* Mailboxes::FindLent(const AccountRef& account, uint64_t number) const {
  const auto box = boxes_.find(account);
  if (box == boxes_.end()) return nullptr;
  const auto lent = box->second.lent.find(number);
  return lent == box->second.lent.end() ? nullptr : &lent->second;
}

const LentMessage* Mailboxes::Find(const AccountRef& account, Lease lease, absl::Time now) const {
  const LentMessage* const lent = FindLent(account, lease.number);
  if (lent == nullptr || lent->token != lease.token || lent->until <= now) return nullptr;
  return lent;
}

size_t Mailboxes::LentCount(const AccountRef& account) const {
  const auto box = boxes_.find(account);
  return box == boxes_.end() ? 0 : box->second.lent.size();
}

void Mailboxes::Extend(const AccountRef& account, uint64_t number, absl::Time until) {
  LentMessage lent = EndLease(account, number);
  lent.until = until;
  Lend(account, number, lent);
}

LentMessage Mailboxes::EndLease(const AccountRef& account, uint64_t number) {
  const auto box = boxes_.find(account);
  SHARDD_CHECK(box != boxes_.end());
  const auto found = box->second.lent.find(number);
  SHARDD_CHECK(found != box->second.lent.end());
  const LentMessage lent = found->second;
  const bool in_line = box->second.place.has_value();
  LeaveLine(box);
  leases_.erase({lent.until, account, number});
  box->second.lent.erase(found);
  if (box->second.lent.empty()) --holding_;
  if (in_line) GetInLine(box);
  ForgetIfDone(box);
  return lent;
}

void Mailboxes::Forget(const AccountRef& account) {
  const auto box = boxes_.find(account);
  if (box != boxes_.end()) Extract(box);
}

std::optional<Mailboxes::Passed> Mailboxes::FirstPassed(absl::Time now) const {
  if (leases_.empty()) return std::nullopt;
  const auto& [until, account, number] = *leases_.begin();
  if (until > now) return std::nullopt;
  return Passed{account, number};
}

absl::Time Mailboxes::wake_at() const {
  absl::Time wake = forgotten_until_;
  if (!waiting_.empty()) wake = waiting_.begin()->first;
  if (!leases_.empty()) wake = std::min(wake, std::get<absl::Time>(*leases_.begin()));
  return wake;
}

void Mailboxes::GetInLine(Boxes::iterator box) {
  if (box->second.place.has_value()) return;
  const LineName name = LineOf(*box);
  Line& line = lines_[name];
  if (line.empty()) touched_.insert(name);
  came_.emplace_back(box->first, name.second);
  box->second.place = line.insert(line.end(), box->first);
}

void Mailboxes::LeaveLine(Boxes::iterator box) {
  if (!box->second.place.has_value()) return;
  const auto line = lines_.find(LineOf(*box));
  line->second.erase(*box->second.place);
  box->second.place.reset();
  if (!line->second.empty()) return;
  touched_.insert(line->first);
  const auto& [name_space, holds] = line->first;
  if (!holds && forgotten_.contains(name_space)) starves_ = true;
  lines_.erase(line);
}

MailboxNews Mailboxes::TakeNews() {
  MailboxNews news;
  news.came = std::exchange(came_, {});
  for (const LineName& name : std::exchange(touched_, {})) {
    const bool ready = lines_.contains(name);
    if (ready == said_.contains(name)) continue;
    news.lines.emplace(name, ready);
    if (ready) {
      said_.insert(name);
    } else {
      said_.erase(name);
    }
  }
  return news;
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

std::vector<AccountRef> Mailboxes::InLine(const KeyRange& range) const {
  std::vector<AccountRef> accounts;
  for (const auto& [name, line] : lines_) {
    for (const AccountRef& account : line) {
      if (range.Contains(account.routing_key())) accounts.push_back(account);
    }
  }
  return accounts;
}

Mailboxes Mailboxes::Release(const KeyRange& range) {
  Mailboxes released(accounts_max_);
  released.complete_ = complete_;
  released.forgotten_until_ = forgotten_until_;
  released.forgotten_ = forgotten_;
  released.starves_ = !forgotten_.empty();
  const std::vector<AccountRef> in_line = InLine(range);
  for (auto box = boxes_.begin(); box != boxes_.end();) {
    const auto next = std::next(box);
    if (range.Contains(box->first.routing_key())) released.Adopt(Extract(box));
    box = next;
  }
  for (const AccountRef& account : in_line) released.GetInLine(released.boxes_.find(account));
  return released;
}

void Mailboxes::Take(Mailboxes other) {
  complete_ = complete_ && other.complete_;
  forgotten_until_ = std::min(forgotten_until_, other.forgotten_until_);
  forgotten_.merge(other.forgotten_);
  starves_ = starves_ || other.starves_;
  const std::vector<AccountRef> in_line = other.InLine({kFirstRoutingKey, std::nullopt});
  while (!other.boxes_.empty()) Adopt(other.Extract(other.boxes_.begin()));
  for (const AccountRef& account : in_line) GetInLine(boxes_.find(account));
}

Mailboxes::Boxes::node_type Mailboxes::Extract(Boxes::iterator box) {
  LeaveLine(box);
  waiting_.erase({box->second.waits_until, box->first});
  for (const auto& [number, lent] : box->second.lent) {
    leases_.erase({lent.until, box->first, number});
  }
  if (!box->second.lent.empty()) --holding_;
  return boxes_.extract(box);
}

Mailboxes::Boxes::iterator Mailboxes::Adopt(Boxes::node_type node) {
  const auto added = boxes_.insert(std::move(node));
  SHARDD_CHECK(added.inserted);
  const auto& [account, box] = *added.position;
  if (box.waits_until != absl::InfiniteFuture()) waiting_.emplace(box.waits_until, account);
  for (const auto& [number, lent] : box.lent) leases_.emplace(lent.until, account, number);
  if (!box.lent.empty()) ++holding_;
  return added.position;
}

}  // namespace shardd
