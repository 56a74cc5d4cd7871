// Preloaded into the daemon, it makes the disk as slow as a test wants: a sync waits for as long as
// the test holds a lock (flock) on the file that $SLOW_STORAGE names.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace {

void WaitForDisk() {
  const char* const path = std::getenv("SLOW_STORAGE");
  if (path == nullptr) return;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  while (flock(file, LOCK_SH) != 0 && errno == EINTR) {
  }
  close(file);
}

using Sync = int (*)(int);

int Call(const char* name, int file) {
  const auto sync = reinterpret_cast<Sync>(dlsym(RTLD_NEXT, name));
  return sync(file);
}

}  // namespace

extern "C" int fsync(int file) {
  WaitForDisk();
  return Call("fsync", file);
}

extern "C" int fdatasync(int file) {
  WaitForDisk();
  return Call("fdatasync", file);
}
