#include "tests/sim/watch_oracle.h"

#include <algorithm>
#include <iterator>
#include <memory>

#include "absl/strings/str_cat.h"
#include "tests/sim/answer_text.h"

namespace shardd::sim {
namespace {

using Changes = std::vector<std::shared_ptr<const ModelChange>>;

Changes::const_iterator FirstFrom(const Changes& changes, uint64_t revision) {
  return std::find_if(changes.begin(), changes.end(),
                      [&](const auto& change) { return change->revision >= revision; });
}

bool Same(const ModelChange& right, const AccountChange& shown) {
  if (right.revision != shown.revision || right.created != shown.created ||
      right.deleted != shown.deleted || right.updated != shown.updated ||
      right.entries.size() != shown.entries.size()) {
    return false;
  }
  // Both are in key order.
  return std::equal(shown.entries.begin(), shown.entries.end(), right.entries.begin(),
                    [](const EntryChange& entry, const auto& wanted) {
                      return entry.key == wanted.first && entry.value == wanted.second;
                    });
}

}  // namespace

void WatchOracle::Started(CallId call, const WatchRequest& request, const std::string* refusal) {
  const ModelAccount* found = model_.Find(request.account);
  static const ModelAccount& never = *new ModelAccount;
  const ModelAccount& account = found == nullptr ? never : *found;
  if (refusal == nullptr) {
    const uint64_t next =
        request.start_revision == 0 ? account.revision + 1 : request.start_revision;
    if (request.start_revision != 0 && next <= account.revision) {
      trace_.Meet("a watch that resumes");
    }
    watches_[call] = Watch{request.account, next};
    return;
  }
  if (Matches(ErrorText(Reason::kAccountNotFound), *refusal)) {
    if (account.exists) verdict_.Fail("a watch does not find an account that exists");
  } else if (Matches(ErrorText(Reason::kRevisionCompacted), *refusal)) {
    trace_.Meet("a watch that is compacted");
    if (!MayBeCompacted(account, request.start_revision)) {
      verdict_.Fail("a watch is told that changes are no longer kept; they are recent");
    }
  } else {
    verdict_.Fail(absl::StrCat("a watch is refused with ", *refusal));
  }
}

// Changes of an earlier run are forgotten, and so is what lies before a gap in the revisions.
bool WatchOracle::MayBeCompacted(const ModelAccount& account, uint64_t start) const {
  const auto first = FirstFrom(account.changes, start);
  if (first == account.changes.end() || !account.revision_exact) return true;
  if ((*first)->run != model_.run()) return true;
  const auto kept = static_cast<uint64_t>(std::distance(first, account.changes.end()));
  return kept != account.revision - start + 1;
}

void WatchOracle::Delivered(const WatchEvent& event) {
  const auto found = watches_.find(event.call);
  if (found == watches_.end()) return verdict_.Fail("an event for a watch that does not stand");
  Watch& watch = found->second;
  const ModelAccount* account = model_.Find(watch.account);
  static const Changes& none = *new Changes;
  const Changes& changes = account == nullptr ? none : account->changes;
  for (const auto& shown : event.changes) {
    const auto next = FirstFrom(changes, watch.next_revision);
    if (next == changes.end() || !Same(**next, *shown)) {
      return verdict_.Fail(absl::StrCat("a watch of ", watch.account.id, " at revision ",
                                        watch.next_revision, " is shown revision ", shown->revision,
                                        ", not the next change"));
    }
    watch.next_revision = shown->revision + 1;
  }
  const auto missed = FirstFrom(changes, watch.next_revision);
  if (missed != changes.end() && (*missed)->revision <= event.progress_revision) {
    verdict_.Fail(absl::StrCat("a watch is told that it has seen revision ",
                               event.progress_revision, "; it has not"));
  }
}

void WatchOracle::TurnEnded(const KeyRange& range) {
  for (const auto& [call, watch] : watches_) {
    if (!range.Contains(watch.account.routing_key())) continue;
    const ModelAccount* account = model_.Find(watch.account);
    if (account == nullptr) continue;
    const auto missed = FirstFrom(account->changes, watch.next_revision);
    if (missed != account->changes.end()) {
      verdict_.Fail(
          absl::StrCat("a watch of ", watch.account.id, " missed revision ", (*missed)->revision));
    }
  }
}

std::vector<BrokenWatch> WatchOracle::Break() {
  std::vector<BrokenWatch> broken;
  for (const auto& [call, watch] : watches_) {
    broken.push_back({watch.account, watch.next_revision});
  }
  watches_.clear();
  return broken;
}

std::pair<CallId, AccountRef> WatchOracle::Some(uint64_t choice) const {
  const auto watch = std::next(watches_.begin(), static_cast<ptrdiff_t>(choice % watches_.size()));
  return {watch->first, watch->second.account};
}

}  // namespace shardd::sim
