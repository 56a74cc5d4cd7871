#include "client/shardctl/thread_stacks.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/shardctl/present.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

std::string PhaseWord(const v1::Thread& thread) {
  return EnumWord(v1::ThreadPhase_Name(thread.phase()), "THREAD_PHASE_");
}

// Such as "t-3  worker/s-0001  committing: apply".
std::string Headline(const v1::Thread& thread) {
  return absl::StrCat(Printable(thread.id()), "  ", Printable(thread.name()), "  ",
                      PhaseWord(thread), thread.operation().empty() ? "" : ": ",
                      Printable(thread.operation()));
}

}  // namespace

std::vector<Column> StackColumns() {
  return {{"id"}, {"name"}, {"role"}, {"phase"}, {"operation"}, {"answered"}, {"silent_because"}};
}

Row StackRow(const v1::ThreadStack& stack) {
  const v1::Thread& thread = stack.thread();
  Row row;
  row.Add(TextCell(thread.id()));
  row.Add(TextCell(thread.name()));
  row.Add(TextCell(EnumWord(v1::ThreadRole_Name(thread.role()), "THREAD_ROLE_")));
  row.Add(TextCell(PhaseWord(thread)));
  row.Add(TextCell(thread.operation()));
  row.Add(BoolCell(stack.answered()));
  row.Add(TextCell(stack.silent_because()));
  Json frames = Json::array();
  for (const v1::StackFrame& frame : stack.frames()) {
    frames.push_back({{"function", frame.function()},
                      {"module", frame.module()},
                      {"module_offset", JsonNumber(frame.module_offset())},
                      {"address", JsonNumber(frame.address())}});
  }
  row.more["frames"] = std::move(frames);
  return row;
}

void PrintStacks(const std::vector<v1::ThreadStack>& stacks, bool color, std::ostream& out) {
  // In order of the first thread of each.
  std::vector<std::vector<const v1::ThreadStack*>> groups;
  std::map<std::string, size_t> group_of;
  for (const v1::ThreadStack& stack : stacks) {
    const auto [found, added] = group_of.try_emplace(stack.text(), groups.size());
    if (added) groups.emplace_back();
    groups[found->second].push_back(&stack);
  }
  for (const auto& group : groups) {
    if (&group != &groups.front()) out << "\n";
    for (const v1::ThreadStack* stack : group) {
      out << Paint(Headline(stack->thread()), Tone::kBold, color) << "\n";
    }
    const std::string& text = group.front()->text();
    for (const absl::string_view line : absl::StrSplit(absl::StripSuffix(text, "\n"), '\n')) {
      out << "  " << Printable(std::string(line)) << "\n";
    }
  }
}

}  // namespace shardd::shardctl
