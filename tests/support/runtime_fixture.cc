#include "tests/support/runtime_fixture.h"

#include <thread>
#include <utility>

#include "tests/support/status_matchers.h"

namespace shardd {

void RuntimeFixture::TearDown() {
  store_.Open();
  runtime_.reset();
}

absl::Status RuntimeFixture::TryStart(Runtime::Options options) {
  absl::StatusOr<std::unique_ptr<Runtime>> runtime =
      Runtime::Start(store_, clock_, threads_, sink_, std::move(options));
  if (!runtime.ok()) return runtime.status();
  runtime_ = *std::move(runtime);
  return absl::OkStatus();
}

void RuntimeFixture::Start(Runtime::Options options) {
  ASSERT_THAT(TryStart(std::move(options)), IsOk());
}

void RuntimeFixture::Stop() {
  EXPECT_THAT(runtime_->Drain(absl::InfiniteFuture()), IsOk());
  runtime_.reset();
}

absl::StatusOr<ShardAnswer> RuntimeFixture::Ask(ShardRequestBody body) {
  ShardRequest request;
  request.call = NextCall();
  request.body = std::move(body);
  const CallId call = request.call;
  const absl::Status submitted = runtime_->Submit(std::move(request));
  if (!submitted.ok()) return submitted;
  return sink_.WaitForReply(call);
}

absl::StatusOr<CoordinatorAnswer> RuntimeFixture::AskCoordinator(
    decltype(CoordinatorRequest::body) body) {
  const CallId call = NextCall();
  const absl::Status submitted = runtime_->SubmitToCoordinator({call, std::move(body)});
  if (!submitted.ok()) return submitted;
  return sink_.WaitForCoordinatorReply(call);
}

CallId RuntimeFixture::Submit(ShardRequestBody body, absl::Time deadline) {
  ShardRequest request;
  request.call = NextCall();
  request.deadline = deadline;
  request.body = std::move(body);
  const CallId call = request.call;
  EXPECT_THAT(runtime_->Submit(std::move(request)), IsOk());
  return call;
}

void RuntimeFixture::CreateNamespace(const std::string& name) {
  EXPECT_THAT(AskCoordinator(CreateNamespaceRequest{name, ""}), IsOk());
}

void RuntimeFixture::WaitUntilDraining() {
  while (true) {
    ShardRequest request;
    request.call = NextCall();
    request.body = GetRequest{{"", "any"}, {"k"}};
    const absl::Status submitted = runtime_->Submit(std::move(request));
    if (ReasonOf(submitted) == Reason::kDraining) return;
    EXPECT_THAT(submitted, IsOk());
    std::this_thread::yield();
  }
}

ApplyRequest RuntimeFixture::Put(const AccountRef& ref, std::string value, std::string request_id) {
  return {.account = ref,
          .request_id = std::move(request_id),
          .create_account = true,
          .mutations = {shardd::Put{"k", std::move(value)}}};
}

ApplyRequest RuntimeFixture::AddOne(const AccountRef& ref) {
  return {.account = ref, .create_account = true, .mutations = {AddInteger{"k", 1}}};
}

std::string RuntimeFixture::ValueOf(const AccountRef& ref) {
  const absl::StatusOr<GetResult> result = runtime_->Get({ref, {"k"}}, 0);
  return result.ok() && !result->entries.empty() ? result->entries[0].value : "";
}

}  // namespace shardd
