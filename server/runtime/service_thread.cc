#include "server/runtime/service_thread.h"

#include <cxxabi.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <exception>
#include <memory>
#include <typeinfo>
#include <utility>

#include "absl/strings/str_cat.h"

namespace shardd {
namespace {

constexpr size_t kNameBytesMax = 15;  // pthread_setname_np(3)

std::string NameOfThisThread() {
  std::array<char, kNameBytesMax + 1> name{};
  pthread_getname_np(pthread_self(), name.data(), name.size());
  return name.data();
}

std::string TypeOf(const std::exception& error) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(typeid(error).name(), nullptr, nullptr, &status), &std::free);
  return status == 0 ? name.get() : typeid(error).name();
}

std::string Describe(const std::exception_ptr& exception) {
  if (exception == nullptr) return "std::terminate was called";
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    return absl::StrCat("an uncaught exception: ", TypeOf(error), ": ", error.what());
  } catch (...) {
    return "an uncaught exception of an unknown type";
  }
}

// An exception that nobody catches gets here before the stack is unwound, so the core file shows
// where it came from.
[[noreturn]] void Terminate() {
  const std::string line = absl::StrCat("shardd: thread ", NameOfThisThread(), " died of ",
                                        Describe(std::current_exception()), "\n");
  // Past the log, whose lock this very thread may hold.
  static_cast<void>(!write(STDERR_FILENO, line.data(), line.size()));
  std::abort();
}

void DieSayingWhy() {
  static const auto before = std::set_terminate(&Terminate);
  static_cast<void>(before);
}

}  // namespace

ServiceThread::ServiceThread(absl::string_view name, std::function<void()> body) {
  DieSayingWhy();
  const std::string short_name(name.substr(0, kNameBytesMax));
  thread_ = std::thread([short_name, body = std::move(body)]() noexcept {
    pthread_setname_np(pthread_self(), short_name.c_str());
    body();
  });
}

ServiceThread::~ServiceThread() { Join(); }

void ServiceThread::Join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace shardd
