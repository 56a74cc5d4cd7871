#pragma once

#include <map>
#include <memory>
#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "server/runtime/runtime.h"
#include "server/threads_tracking_service/thread_registry.h"
#include "storage/memory_store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/gated_store.h"
#include "tests/support/recording_sink.h"

namespace shardd {

// A runtime with real threads on a store in memory, whose commits a test can hold up.
class RuntimeFixture : public testing::Test {
 protected:
  void TearDown() override;

  // REQUIRES: none runs.
  absl::Status TryStart(Runtime::Options options = {});
  void Start(Runtime::Options options = {});
  // Drains without a deadline and destroys the runtime.
  void Stop();

  // Submits and waits for the answer, wherever it comes from.
  absl::StatusOr<ShardAnswer> Ask(ShardRequestBody body);
  absl::StatusOr<CoordinatorAnswer> AskCoordinator(decltype(CoordinatorRequest::body) body);
  // Submits under a new call id; expects it to be accepted.
  CallId Submit(ShardRequestBody body, absl::Time deadline = absl::InfiniteFuture());
  void CreateNamespace(const std::string& name);
  // Submits reads until one is refused because the runtime drains; the others will be answered.
  void WaitUntilDraining();

  static ApplyRequest Put(const AccountRef& ref, std::string value, std::string request_id = "");
  static ApplyRequest AddOne(const AccountRef& ref);
  // Of the entry "k"; "" without one.
  std::string ValueOf(const AccountRef& ref);

  CallId NextCall() { return CallId{next_call_++, 0}; }

  FakeClock clock_;
  storage::MemoryStore memory_;
  GatedStore store_{memory_};
  ThreadRegistry threads_{clock_};
  RecordingSink sink_;
  std::unique_ptr<Runtime> runtime_;

 private:
  uint64_t next_call_ = 1;
};

}  // namespace shardd
