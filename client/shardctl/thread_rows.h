#pragma once

#include <vector>

#include "client/shardctl/rows.h"
#include "shardd/v1/thread_tracking.pb.h"

// How threads and what happens to them look as rows.
namespace shardd::shardctl {

std::vector<Column> ThreadColumns();
Row ThreadRow(const v1::Thread& thread);

std::vector<Column> ThreadEventColumns();
Row ThreadEventRow(const v1::ThreadEvent& event);

// A part of a whole as "42%".
Cell PercentCell(double ratio);

// Whether it is one of the daemon's own that has not stopped.
bool IsLiveAndOwn(const v1::Thread& thread);

}  // namespace shardd::shardctl
