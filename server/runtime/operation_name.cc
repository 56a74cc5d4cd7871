#include "server/runtime/operation_name.h"

#include <variant>

namespace shardd {
namespace {

struct Name {
  const char* operator()(const ApplyRequest&) const { return "apply"; }
  const char* operator()(const GetRequest&) const { return "get"; }
  const char* operator()(const ScanRequest&) const { return "scan"; }
  const char* operator()(const CreateAccountRequest&) const { return "create account"; }
  const char* operator()(const UpdateAccountRequest&) const { return "update account"; }
  const char* operator()(const DeleteAccountRequest&) const { return "delete account"; }
  const char* operator()(const GetOutcomeRequest&) const { return "get outcome"; }
  const char* operator()(const WatchRequest&) const { return "watch"; }
  const char* operator()(const UnwatchRequest&) const { return "unwatch"; }
  const char* operator()(const ReceiveRequest&) const { return "receive"; }
  const char* operator()(const ReceiveAnyRequest&) const { return "receive"; }
  const char* operator()(const ExtendLeasesRequest&) const { return "extend leases"; }
  const char* operator()(const NackRequest&) const { return "nack"; }
  const char* operator()(const SettleUndeliverableRequest&) const {
    return "settle undeliverable";
  }
  const char* operator()(const PurgeNamespace&) const { return "purge namespace"; }
  const char* operator()(const ReopenNamespace&) const { return "reopen namespace"; }
  const char* operator()(const DeliverMessage&) const { return "take in message"; }
  const char* operator()(const SettleDelivery&) const { return "settle delivery"; }
  const char* operator()(const AskAboutMark&) const { return "ask about mark"; }
  const char* operator()(const DropMark&) const { return "drop mark"; }

  const char* operator()(const BeginSurvey&) const { return "begin survey"; }
  const char* operator()(const EndSurvey&) const { return "end survey"; }
  const char* operator()(const SplitOff&) const { return "split"; }
  const char* operator()(const Retire&) const { return "retire"; }
  const char* operator()(const Unretire&) const { return "unretire"; }
  const char* operator()(const Absorb&) const { return "merge"; }
  const char* operator()(const BeginRehome&) const { return "begin rehome"; }
  const char* operator()(const SwitchHome&) const { return "switch home"; }
  const char* operator()(const HomePublished&) const { return "clear home"; }
  const char* operator()(const AbandonRehome&) const { return "abandon rehome"; }
  const char* operator()(const PauseRequests&) const { return "pause"; }
};

}  // namespace

const char* OperationName(const ShardRequestBody& body) { return std::visit(Name(), body); }
const char* OperationName(const ShardCommand& command) { return std::visit(Name(), command); }

}  // namespace shardd
