#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "shardd/v1/load_balancing.grpc.pb.h"

namespace shardd::client {

// The balancer of a FakeDaemon: says what the test gives it, and keeps what it is asked.
//
// Thread safety: all methods may be called from any thread.
class FakeBalancing final : public v1::LoadBalancingService::Service {
 public:
  void SetLoad(const v1::GetLoadResponse& load);
  // What a plan holds.
  void SetPlan(const v1::PlanResponse& plan);
  void SetExplanation(const v1::ExplainShardResponse& explanation);
  // Newest first; a list shows them in pages as asked.
  void SetDecisions(const std::vector<v1::BalancingDecision>& decisions);
  // The pieces of a trace.
  void SetTrace(const std::vector<std::string>& pieces);
  void SetEnabled(bool enabled);

  // The last of each.
  v1::PlanRequest last_plan() const;
  v1::PauseBalancingRequest last_pause() const;
  v1::ListDecisionsRequest last_list() const;

  grpc::Status GetLoad(grpc::ServerContext* context, const v1::GetLoadRequest* request,
                       v1::GetLoadResponse* response) override;
  // The policy is what was set, field by field; a reset leaves `policy: "load"`.
  grpc::Status GetPolicy(grpc::ServerContext* context, const v1::GetPolicyRequest* request,
                         v1::GetPolicyResponse* response) override;
  grpc::Status SetPolicy(grpc::ServerContext* context, const v1::SetPolicyRequest* request,
                         v1::SetPolicyResponse* response) override;
  // Until the second 1 700 000 000 and as long as asked.
  grpc::Status PauseBalancing(grpc::ServerContext* context,
                              const v1::PauseBalancingRequest* request,
                              v1::PauseBalancingResponse* response) override;
  grpc::Status ResumeBalancing(grpc::ServerContext* context,
                               const v1::ResumeBalancingRequest* request,
                               v1::ResumeBalancingResponse* response) override;
  grpc::Status Plan(grpc::ServerContext* context, const v1::PlanRequest* request,
                    v1::PlanResponse* response) override;
  grpc::Status ExplainShard(grpc::ServerContext* context, const v1::ExplainShardRequest* request,
                            v1::ExplainShardResponse* response) override;
  grpc::Status ListDecisions(grpc::ServerContext* context, const v1::ListDecisionsRequest* request,
                             v1::ListDecisionsResponse* response) override;
  grpc::Status StreamLoadTrace(grpc::ServerContext* context,
                               const v1::StreamLoadTraceRequest* request,
                               grpc::ServerWriter<v1::StreamLoadTraceResponse>* writer) override;

 private:
  mutable std::mutex mutex_;
  v1::GetLoadResponse load_;
  v1::PlanResponse plan_;
  v1::ExplainShardResponse explanation_;
  std::vector<v1::BalancingDecision> decisions_;
  std::vector<std::string> trace_;
  v1::BalancingPolicy set_;
  bool enabled_ = true;
  v1::PlanRequest last_plan_;
  v1::PauseBalancingRequest last_pause_;
  v1::ListDecisionsRequest last_list_;
};

}  // namespace shardd::client
