#include "server/runtime/service_thread.h"

#include <pthread.h>

#include <utility>

namespace shardd {
namespace {

constexpr size_t kNameBytesMax = 15;  // pthread_setname_np(3)

}  // namespace

ServiceThread::ServiceThread(absl::string_view name, std::function<void()> body)
    : thread_(std::move(body)) {
  pthread_setname_np(thread_.native_handle(), std::string(name.substr(0, kNameBytesMax)).c_str());
}

ServiceThread::~ServiceThread() { Join(); }

void ServiceThread::Join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace shardd
