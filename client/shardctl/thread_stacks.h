#pragma once

#include <ostream>
#include <vector>

#include "client/shardctl/rows.h"
#include "shardd/v1/thread_tracking.pb.h"

namespace shardd::shardctl {

// The columns of a stack dump for programs; the frames are in a field of their own, `frames`.
std::vector<Column> StackColumns();
Row StackRow(const v1::ThreadStack& stack);

// For people: threads that are at the same place are named together above their stack.
void PrintStacks(const std::vector<v1::ThreadStack>& stacks, bool color, std::ostream& out);

}  // namespace shardd::shardctl
