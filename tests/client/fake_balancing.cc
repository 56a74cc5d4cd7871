#include "tests/client/fake_balancing.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace shardd::client {

using grpc::ServerContext;
using grpc::Status;
using Lock = std::lock_guard<std::mutex>;

void FakeBalancing::SetLoad(const v1::GetLoadResponse& load) {
  const Lock lock(mutex_);
  load_ = load;
}

void FakeBalancing::SetPlan(const v1::PlanResponse& plan) {
  const Lock lock(mutex_);
  plan_ = plan;
}

void FakeBalancing::SetExplanation(const v1::ExplainShardResponse& explanation) {
  const Lock lock(mutex_);
  explanation_ = explanation;
}

void FakeBalancing::SetDecisions(const std::vector<v1::BalancingDecision>& decisions) {
  const Lock lock(mutex_);
  decisions_ = decisions;
}

void FakeBalancing::SetTrace(const std::vector<std::string>& pieces) {
  const Lock lock(mutex_);
  trace_ = pieces;
}

void FakeBalancing::SetEnabled(bool enabled) {
  const Lock lock(mutex_);
  enabled_ = enabled;
}

v1::PlanRequest FakeBalancing::last_plan() const {
  const Lock lock(mutex_);
  return last_plan_;
}

v1::PauseBalancingRequest FakeBalancing::last_pause() const {
  const Lock lock(mutex_);
  return last_pause_;
}

v1::ListDecisionsRequest FakeBalancing::last_list() const {
  const Lock lock(mutex_);
  return last_list_;
}

Status FakeBalancing::GetLoad(ServerContext*, const v1::GetLoadRequest*,
                              v1::GetLoadResponse* response) {
  const Lock lock(mutex_);
  *response = load_;
  return Status::OK;
}

Status FakeBalancing::GetPolicy(ServerContext*, const v1::GetPolicyRequest*,
                                v1::GetPolicyResponse* response) {
  const Lock lock(mutex_);
  response->mutable_policy()->set_policy("load");
  response->mutable_policy()->MergeFrom(set_);
  if (set_.ByteSizeLong() > 0) response->mutable_set_time()->set_seconds(1'700'000'000);
  return Status::OK;
}

Status FakeBalancing::SetPolicy(ServerContext*, const v1::SetPolicyRequest* request,
                                v1::SetPolicyResponse* response) {
  const Lock lock(mutex_);
  if (request->reset()) set_.Clear();
  set_.MergeFrom(request->policy());
  response->mutable_policy()->set_policy("load");
  response->mutable_policy()->MergeFrom(set_);
  return Status::OK;
}

Status FakeBalancing::PauseBalancing(ServerContext*, const v1::PauseBalancingRequest* request,
                                     v1::PauseBalancingResponse* response) {
  const Lock lock(mutex_);
  last_pause_ = *request;
  response->mutable_paused_until()->set_seconds(1'700'000'000 + request->duration().seconds());
  return Status::OK;
}

Status FakeBalancing::ResumeBalancing(ServerContext*, const v1::ResumeBalancingRequest*,
                                      v1::ResumeBalancingResponse* response) {
  const Lock lock(mutex_);
  response->set_enabled(enabled_);
  return Status::OK;
}

Status FakeBalancing::Plan(ServerContext*, const v1::PlanRequest* request,
                           v1::PlanResponse* response) {
  const Lock lock(mutex_);
  last_plan_ = *request;
  *response = plan_;
  return Status::OK;
}

Status FakeBalancing::ExplainShard(ServerContext*, const v1::ExplainShardRequest*,
                                   v1::ExplainShardResponse* response) {
  const Lock lock(mutex_);
  *response = explanation_;
  return Status::OK;
}

Status FakeBalancing::ListDecisions(ServerContext*, const v1::ListDecisionsRequest* request,
                                    v1::ListDecisionsResponse* response) {
  const Lock lock(mutex_);
  last_list_ = *request;
  size_t next = 0;
  static_cast<void>(absl::SimpleAtoi(request->page_token(), &next));  // empty: from the newest
  const size_t size = request->page_size() == 0 ? 50 : static_cast<size_t>(request->page_size());
  for (const size_t end = next + size; next < end && next < decisions_.size(); ++next) {
    *response->add_decisions() = decisions_[next];
  }
  if (next < decisions_.size()) response->set_next_page_token(absl::StrCat(next));
  return Status::OK;
}

Status FakeBalancing::StreamLoadTrace(ServerContext*, const v1::StreamLoadTraceRequest*,
                                      grpc::ServerWriter<v1::StreamLoadTraceResponse>* writer) {
  const Lock lock(mutex_);
  for (const std::string& piece : trace_) {
    v1::StreamLoadTraceResponse response;
    response.set_data(piece);
    writer->Write(response);
  }
  return Status::OK;
}

}  // namespace shardd::client
