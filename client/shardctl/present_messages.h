#pragma once

#include <vector>

#include "client/shardctl/rows.h"
#include "shardd/v1/messaging.pb.h"

// How messages look as rows.
namespace shardd::shardctl {

std::vector<Column> ReceivedColumns();
Row ReceivedRow(const v1::ReceivedMessage& received);

std::vector<Column> MailboxMessageColumns();
Row MailboxMessageRow(const v1::MailboxMessage& message);

std::vector<Column> UndeliverableColumns();
Row UndeliverableRow(const v1::UndeliverableMessage& message);

}  // namespace shardd::shardctl
