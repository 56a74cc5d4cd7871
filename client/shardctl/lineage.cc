#include "client/shardctl/lineage.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/shardctl/present.h"
#include "client/shardctl/text.h"

namespace shardd::shardctl {
namespace {

using Routes = google::protobuf::RepeatedPtrField<v1::Route>;

const v1::Route* RouteOf(const Routes& routes, const std::string& shard) {
  const auto found = std::find_if(routes.begin(), routes.end(), [&](const v1::Route& route) {
    return route.shard_id() == shard;
  });
  return found == routes.end() ? nullptr : &*found;
}

// The first of the routes that is of another shard; empty if there is none.
std::string Other(const Routes& routes, const std::string& shard) {
  for (const v1::Route& route : routes) {
    if (route.shard_id() != shard) return route.shard_id();
  }
  return "";
}

class Drawing {
 public:
  explicit Drawing(const v1::GetShardLineageResponse& lineage) : lineage_(lineage) {}

  // The line of `shard` before `epoch`, down to where it began or to a change of another line.
  void Draw(std::string shard, uint64_t epoch, const std::string& indent) {
    std::vector<Step> steps;
    std::string end;
    for (const v1::TableChange& change : lineage_.changes()) {
      if (change.epoch() >= epoch || !Concerns(change, shard)) continue;
      if (!drawn_.insert(change.epoch()).second) {
        end = absl::StrCat("│ epoch ", change.epoch(), ": see there");
        break;
      }
      steps.push_back({&change, shard});
      // A shard that was split off goes on as the one that it came from.
      if (RouteOf(change.removed(), shard) == nullptr) shard = Other(change.removed(), shard);
    }
    if (end.empty()) {
      end = absl::StrCat("○ ", shard,
                         lineage_.compacted() ? ": older changes are no longer kept"
                                              : " was there from the start");
    }
    for (const Step& step : steps) DrawStep(step, indent);
    lines_.push_back(indent + end);
  }

  void DrawAll(const std::string& shard) {
    lines_.push_back(shard);
    Draw(shard, std::numeric_limits<uint64_t>::max(), "");
  }
  std::vector<std::string> Take() && { return std::move(lines_); }

 private:
  struct Step {
    const v1::TableChange* change;
    std::string shard;
  };

  static bool Concerns(const v1::TableChange& change, const std::string& shard) {
    return RouteOf(change.added(), shard) != nullptr || RouteOf(change.removed(), shard) != nullptr;
  }

  void DrawStep(const Step& step, const std::string& indent) {
    const v1::TableChange& change = *step.change;
    lines_.push_back(absl::StrCat(indent, "│ ", Describe(change, step.shard)));
    const bool took_over =
        change.kind() == v1::OPERATION_KIND_MERGE && RouteOf(change.added(), step.shard) != nullptr;
    if (!took_over) return;
    for (const v1::Route& route : change.removed()) {
      if (route.shard_id() == step.shard) continue;
      lines_.push_back(absl::StrCat(indent, "├─ ", route.shard_id()));
      Draw(route.shard_id(), change.epoch(), indent + "│  ");
    }
  }

  static std::string Describe(const v1::TableChange& change, const std::string& shard) {
    const absl::Time time = FromProto(change.time());
    return absl::StrCat("epoch ", change.epoch(), ": ", Words(change, shard), "  (",
                        absl::FormatTime("%Y-%m-%d %H:%M:%SZ", time, absl::UTCTimeZone()), ", ",
                        Printable(change.operation_id()), ")");
  }

  static std::string Words(const v1::TableChange& change, const std::string& shard) {
    const v1::Route* const before = RouteOf(change.removed(), shard);
    const v1::Route* const after = RouteOf(change.added(), shard);
    switch (change.kind()) {
      case v1::OPERATION_KIND_SPLIT:
        if (before == nullptr) {
          return absl::StrCat("split off from ", Other(change.removed(), shard), " at ",
                              after == nullptr ? "" : RoutingKeyText(after->start()));
        }
        return absl::StrCat("gave what lies from ",
                            after == nullptr ? "" : RoutingKeyText(after->end()), " on to ",
                            Other(change.added(), shard));
      case v1::OPERATION_KIND_MERGE:
        if (after == nullptr)
          return absl::StrCat("ended: merged into ", Other(change.added(), shard));
        return absl::StrCat("took over ", Other(change.removed(), shard));
      default:
        if (before == nullptr || after == nullptr) return "changed";
        return absl::StrCat("moved from ", before->home(), " to ", after->home());
    }
  }

  const v1::GetShardLineageResponse& lineage_;
  std::set<uint64_t> drawn_;
  std::vector<std::string> lines_;
};

Json RoutesJson(const Routes& routes) {
  Json list = Json::array();
  for (const v1::Route& route : routes) list.push_back(RowJson(RouteColumns(), RouteRow(route)));
  return list;
}

Cell RoutesCell(const Routes& routes) {
  std::string text;
  for (const v1::Route& route : routes) {
    absl::StrAppend(&text, text.empty() ? "" : " ", route.shard_id());
  }
  return Cell(RoutesJson(routes), text);
}

}  // namespace

std::vector<std::string> DrawLineage(const std::string& shard,
                                     const v1::GetShardLineageResponse& lineage) {
  Drawing drawing(lineage);
  drawing.DrawAll(shard);
  return std::move(drawing).Take();
}

std::vector<Column> TableChangeColumns() {
  return {{"epoch"}, {"time"}, {"kind"}, {"operation"}, {"removed"}, {"added"}};
}

Row TableChangeRow(const v1::TableChange& change) {
  Row row;
  row.Add(NumberCell(change.epoch()));
  row.Add(TimeCell(change.has_time(), change.time()));
  row.Add(TextCell(KindWord(change.kind())));
  row.Add(TextCell(change.operation_id()));
  row.Add(RoutesCell(change.removed()));
  row.Add(RoutesCell(change.added()));
  return row;
}

}  // namespace shardd::shardctl
