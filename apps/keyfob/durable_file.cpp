#include "apps/keyfob/durable_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace keyfob::node {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::unexpected<Error> system_failure(std::string_view what, const std::filesystem::path& path, int number) {
  const ErrorCode code = number == ENOENT                      ? ErrorCode::not_found
                         : number == EEXIST                    ? ErrorCode::conflict
                         : number == EACCES || number == EPERM ? ErrorCode::forbidden
                                                               : ErrorCode::unavailable;
  return fail(code, fmt::format("{} {}: {}", what, path.string(), std::strerror(number)));
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

Result<void> sync_directory(const std::filesystem::path& dir) {
  const Descriptor fd(::open(dir.empty() ? "." : dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.ok() || ::fsync(fd.get()) != 0) return system_failure("cannot sync", dir, errno);
  return {};
}

Result<void> write_new(const std::filesystem::path& path, std::string_view text, unsigned mode) {
  const Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd.ok()) return system_failure("cannot create", path, errno);
  if (write_all(fd.get(), text) && ::fsync(fd.get()) == 0) return {};
  const int number = errno;
  ::unlink(path.c_str());
  return system_failure("cannot write", path, number);
}

}  // namespace

Result<std::string> read_small_file(const std::filesystem::path& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return system_failure("cannot open", path, errno);
  std::string text(4096, '\0');
  const ssize_t n = ::read(fd.get(), text.data(), text.size());
  if (n < 0) return system_failure("cannot read", path, errno);
  text.resize(static_cast<std::size_t>(n));
  return text;
}

Result<void> replace_file(const std::filesystem::path& path, std::string_view text) {
  auto aside = path;
  aside += ".new";
  ::unlink(aside.c_str());
  if (auto written = write_new(aside, text, 0600); !written) return written;
  if (::rename(aside.c_str(), path.c_str()) != 0) return system_failure("cannot replace", path, errno);
  return sync_directory(path.parent_path());
}

Result<void> create_file(const std::filesystem::path& path, std::string_view text, unsigned mode) {
  if (auto written = write_new(path, text, mode); !written) return written;
  return sync_directory(path.parent_path());
}

}  // namespace keyfob::node
