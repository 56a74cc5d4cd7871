#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/shardctl/command.h"
#include "client/shardctl/present.h"
#include "client/shardctl/present_messages.h"
#include "client/shardctl/read_input.h"
#include "server/base/limits.h"

namespace shardd::shardctl {
namespace {

struct SendOptions {
  std::string name_space;
  std::string sender;
  std::string receiver;
  std::string receiver_namespace;
  std::string payload;
  std::string message_id;
  std::string request_id;
  std::string reply_to;
  std::vector<std::string> headers;
  absl::Duration delay = absl::ZeroDuration();
  absl::Duration time_to_live = absl::ZeroDuration();
  uint32_t attempts = 0;
};

void SetAccount(const std::string& name_space, const std::string& id, v1::AccountRef& ref) {
  ref.set_namespace_(name_space);
  ref.set_id(id);
}

absl::Status SetHeaders(const std::vector<std::string>& headers, v1::Send& send) {
  for (const std::string& header : headers) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(header, absl::MaxSplits('=', 1));
    if (parts.first.empty() || parts.first.size() == header.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("header \"", header, "\" is not KEY=VALUE"));
    }
    (*send.mutable_headers())[parts.first] = parts.second;
  }
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> SendMessage(Invocation& invocation, const SendOptions& options) {
  v1::SendRequest request;
  SetAccount(options.name_space, options.sender, *request.mutable_sender());
  request.set_request_id(options.request_id);
  v1::Send& send = *request.add_sends();
  SetAccount(options.receiver_namespace.empty() ? options.name_space : options.receiver_namespace,
             options.receiver, *send.mutable_receiver());
  send.set_message_id(options.message_id);
  if (absl::Status set = SetHeaders(options.headers, send); !set.ok()) return set;
  if (options.payload == "-") {
    auto payload = ReadAll(invocation.terminal.in, "standard input",
                           limits::kMessagePayloadBytesMax);
    if (!payload.ok()) return payload.status();
    send.set_payload(*std::move(payload));
  } else {
    send.set_payload(options.payload);
  }
  if (options.delay > absl::ZeroDuration()) ToProto(options.delay, *send.mutable_delay());
  if (options.time_to_live > absl::ZeroDuration()) {
    ToProto(options.time_to_live, *send.mutable_time_to_live());
  }
  if (!options.reply_to.empty()) {
    SetAccount(options.name_space, options.reply_to, *send.mutable_reply_to());
  }
  send.set_attempts_max(options.attempts);
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  auto response = (*daemon)->Send(std::move(request));
  if (!response.ok()) return response.status();
  Row row;
  row.Add(NumberCell(response->revision()));
  row.Add(BoolCell(response->replayed()));
  PrintObject(invocation.terminal.out, invocation.rows_options(), "sent",
              {{"revision"}, {"replayed"}}, row);
  return kOk;
}

struct ReceiveOptions {
  std::string name_space;
  std::string id;
  std::string label;
  int max_messages = 1;
  absl::Duration lease = absl::ZeroDuration();
  bool wait = false;
  bool concurrent = false;
  bool ack = false;
};

absl::Status AckAll(client::Client& daemon, const v1::ReceiveResponse& received) {
  for (const v1::ReceivedMessage& message : received.messages()) {
    v1::AckRequest request;
    *request.mutable_account() = message.message().receiver();
    request.add_ack_ids(message.ack_id());
    const auto response = daemon.Ack(std::move(request));
    if (!response.ok()) return response.status();
  }
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> ReceiveMessages(Invocation& invocation, const ReceiveOptions& options) {
  v1::ReceiveRequest request;
  v1::Subscription& subscription = *request.mutable_subscription();
  subscription.set_namespace_(options.name_space);
  subscription.set_id(options.id);
  subscription.set_label(options.label);
  subscription.set_concurrent(options.concurrent);
  if (options.lease > absl::ZeroDuration()) {
    ToProto(options.lease, *subscription.mutable_lease());
  }
  request.set_max_messages(options.max_messages);
  request.set_no_wait(!options.wait);
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  auto response = (*daemon)->Receive(request);
  if (!response.ok()) return response.status();
  RowWriter writer = invocation.Rows("messages", ReceivedColumns());
  for (const v1::ReceivedMessage& received : response->messages()) {
    writer.Add(ReceivedRow(received));
  }
  writer.Finish();
  if (response->messages().empty() && !invocation.machine_readable()) {
    invocation.Note("Nothing to be received.");
  }
  // After they are shown: what was not seen is not lost.
  if (options.ack) {
    invocation.terminal.out.flush();
    if (absl::Status acked = AckAll(**daemon, *response); !acked.ok()) return acked;
  }
  return kOk;
}

struct AckOptions {
  std::string name_space;
  std::string id;
  std::vector<std::string> ack_ids;
  std::string request_id;
  absl::Duration delay = absl::ZeroDuration();
};

absl::StatusOr<ExitCode> AckMessages(Invocation& invocation, const AckOptions& options) {
  v1::AckRequest request;
  SetAccount(options.name_space, options.id, *request.mutable_account());
  request.set_request_id(options.request_id);
  for (const std::string& ack_id : options.ack_ids) request.add_ack_ids(ack_id);
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  auto response = (*daemon)->Ack(std::move(request));
  if (!response.ok()) return response.status();
  Row row;
  row.Add(NumberCell(response->revision()));
  row.Add(BoolCell(response->replayed()));
  PrintObject(invocation.terminal.out, invocation.rows_options(), "acknowledged",
              {{"revision"}, {"replayed"}}, row);
  return kOk;
}

absl::StatusOr<ExitCode> NackMessages(Invocation& invocation, const AckOptions& options) {
  v1::NackRequest request;
  SetAccount(options.name_space, options.id, *request.mutable_account());
  for (const std::string& ack_id : options.ack_ids) request.add_ack_ids(ack_id);
  if (options.delay > absl::ZeroDuration()) ToProto(options.delay, *request.mutable_delay());
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  auto response = (*daemon)->Nack(request);
  if (!response.ok()) return response.status();
  Row row;
  row.Add(TimeCell(response->has_not_before(), response->not_before()));
  PrintObject(invocation.terminal.out, invocation.rows_options(), "given_back", {{"not_before"}},
              row);
  return kOk;
}

absl::StatusOr<ExitCode> ShowMailbox(Invocation& invocation, const AckOptions& options) {
  v1::GetMailboxRequest request;
  SetAccount(options.name_space, options.id, *request.mutable_account());
  auto daemon = invocation.Daemon();
  if (!daemon.ok()) return daemon.status();
  auto response = (*daemon)->GetMailbox(request);
  if (!response.ok()) return response.status();
  Row row;
  row.Add(NumberCell(response->message_count()));
  row.Add(BytesCell(response->byte_count()));
  row.Add(NumberCell(response->delayed_count()));
  row.Add(NumberCell(response->messages_max()));
  row.Add(BytesCell(response->bytes_max()));
  PrintObject(invocation.terminal.out, invocation.rows_options(), "mailbox",
              {{"message_count"},
               {"byte_count"},
               {"delayed_count"},
               {"messages_max"},
               {"bytes_max"}},
              row);
  return kOk;
}

void AddSend(CommandTree& tree, CLI::App* group) {
  auto options = std::make_shared<SendOptions>();
  CLI::App* app = tree.Add(
      group, "send", "Send a message from one account to another.",
      {"shardctl message send --namespace shop cart-17 billing '{\"total\":12}'",
       "shardctl message send --namespace shop cart-17 billing paid --header kind=event"},
      [options](Invocation& invocation) { return SendMessage(invocation, *options); });
  AddNamespace(app, &options->name_space);
  app->add_option("SENDER", options->sender, "The id of the account that sends it.")->required();
  app->add_option("RECEIVER", options->receiver, "The id of the account that it is for.")
      ->required();
  app->add_option("PAYLOAD", options->payload, "The payload; - reads it from standard input.")
      ->required();
  app->add_option("--to-namespace", options->receiver_namespace,
                  "The receiver's namespace (default the sender's).")
      ->type_name("NAME");
  app->add_option("--message-id", options->message_id, "An id for your own use.")->type_name("ID");
  app->add_option("--header", options->headers, "A header; may be given again.")
      ->type_name("KEY=VALUE");
  AddDuration(app, "--delay", &options->delay, "It is not received before.");
  AddDuration(app, "--ttl", &options->time_to_live,
              "After so much time it becomes undeliverable (default never).");
  app->add_option("--attempts", options->attempts,
                  "After so many vain attempts it becomes undeliverable (default 16).")
      ->type_name("N");
  app->add_option("--reply-to", options->reply_to, "The id of the account that answers go to.")
      ->type_name("ID");
  AddRequestId(app, &options->request_id);
}

void AddReceive(CommandTree& tree, CLI::App* group) {
  auto options = std::make_shared<ReceiveOptions>();
  CLI::App* app = tree.Add(
      group, "receive", "Receive messages; others cannot while the lease lasts.",
      {"shardctl message receive --namespace shop billing --ack",
       "shardctl message receive --namespace shop --max 10 --wait --timeout 1m -o jsonl"},
      [options](Invocation& invocation) { return ReceiveMessages(invocation, *options); });
  AddNamespace(app, &options->name_space);
  app->add_option("ID", options->id, "Only messages of this account.");
  app->add_option("--label", options->label, "Only messages of accounts with this label.")
      ->type_name("KEY=VALUE");
  app->add_option("--max", options->max_messages, "How many at most (default 1).")->type_name("N");
  AddDuration(app, "--lease", &options->lease, "For how long they are held (default 30s).");
  app->add_flag("--wait", options->wait, "Wait for the first one, until --timeout.");
  app->add_flag("--concurrent", options->concurrent,
                "Several of one account at a time, which may then be processed out of order.");
  app->add_flag("--ack", options->ack, "Acknowledge them when they are shown.");
}

void AddAckIds(CLI::App* app, AckOptions& options) {
  AddNamespace(app, &options.name_space);
  app->add_option("ID", options.id, "The account's id.")->required();
  app->add_option("ACK_ID", options.ack_ids, "As receive shows them.")->required()->expected(-1);
}

}  // namespace

void AddMessageCommands(CommandTree& tree) {
  CLI::App* group = tree.Group(
      "message", "Messages between accounts: send, receive, ack, nack, mailbox, list, watch.");
  AddSend(tree, group);
  AddReceive(tree, group);

  auto ack = std::make_shared<AckOptions>();
  CLI::App* app = tree.Add(
      group, "ack", "Acknowledge messages: they never come again.",
      {"shardctl message ack --namespace shop billing 00000000000000020000010000000001"},
      [ack](Invocation& invocation) { return AckMessages(invocation, *ack); });
  AddAckIds(app, *ack);
  AddRequestId(app, &ack->request_id);

  auto nack = std::make_shared<AckOptions>();
  app = tree.Add(
      group, "nack", "Give messages back: they are received again.",
      {"shardctl message nack --namespace shop billing 00000000000000020000010000000001 --delay "
       "10s"},
      [nack](Invocation& invocation) { return NackMessages(invocation, *nack); });
  AddAckIds(app, *nack);
  AddDuration(app, "--delay", &nack->delay, "Not before so much time has passed.");

  auto mailbox = std::make_shared<AckOptions>();
  app = tree.Add(group, "mailbox", "Show how full the mailbox of an account is.",
                 {"shardctl message mailbox --namespace shop billing"},
                 [mailbox](Invocation& invocation) { return ShowMailbox(invocation, *mailbox); });
  AddNamespace(app, &mailbox->name_space);
  app->add_option("ID", mailbox->id, "The account's id.")->required();
  AddMailboxCommands(tree, group);
}

}  // namespace shardd::shardctl
