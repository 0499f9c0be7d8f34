#include "keys/key_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/bytes.hpp"
#include "keys/local_key.hpp"

namespace keyfob::keys {
namespace {

constexpr mode_t kOwnerOnly = S_IRUSR | S_IWUSR;
/// A key file has 65 bytes; anything that does not fit is not one.
constexpr std::size_t kReadLimit = 256;

class File {
 public:
  File(const std::string& path, int flags, mode_t mode = 0) : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }

 private:
  int fd_;
};

/// For a shell: quoted where it has to be.
std::string shell_word(const std::string& path) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%";
  if (path.find_first_not_of(kPlain) == std::string::npos) return path;
  std::string quoted = "'";
  for (const char c : path) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::unexpected<Error> refused_by_system(ErrorCode code, const std::string& doing, const std::string& path) {
  return fail(code, "cannot " + doing + " the key file " + path + ": " + std::generic_category().message(errno));
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool sync_directory_of(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const File directory(parent.empty() ? "." : parent.string(), O_RDONLY | O_DIRECTORY);
  return directory.is_open() && ::fsync(directory.fd()) == 0;
}

std::unexpected<Error> cannot_open(const std::string& path) {
  if (errno == ENOENT) {
    return fail(
        ErrorCode::not_found, "the master key file " + path + " does not exist",
        "put the key back from where it is kept safe; without it nothing stored can be opened, and a new key does "
        "not help");
  }
  if (errno == EACCES) return refused_by_system(ErrorCode::forbidden, "open", path);
  return refused_by_system(ErrorCode::unavailable, "open", path);
}

Result<void> check_safe(int fd, const std::string& path, mode_t forbidden) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return refused_by_system(ErrorCode::unavailable, "examine", path);
  if (!S_ISREG(status.st_mode))
    return fail(ErrorCode::invalid_argument, "the key file " + path + " is no regular file");
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    return fail(ErrorCode::unsafe, "the key file " + path + " belongs to another user",
                "chown " + std::to_string(::geteuid()) + " " + shell_word(path));
  }
  if ((status.st_mode & forbidden) != 0) {
    return fail(ErrorCode::unsafe, "the key file " + path + " may be used by others than its owner",
                "chmod 600 " + shell_word(path));
  }
  return {};
}

Result<Secret> read_all(int fd, const std::string& path) {
  std::array<char, kReadLimit> buffer{};
  std::size_t size = 0;
  ssize_t got = 1;
  while (got != 0 && size < buffer.size()) {
    got = ::read(fd, buffer.data() + size, buffer.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    size += static_cast<std::size_t>(got);
  }
  Secret text(std::string_view(buffer.data(), size));
  wipe(buffer.data(), buffer.size());
  if (got < 0) return refused_by_system(ErrorCode::unavailable, "read", path);
  return text;
}

}  // namespace

Result<void> create_key_file(const std::string& path) {
  const Secret text = new_key_text();
  const File file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, kOwnerOnly);
  if (!file.is_open() && errno == EEXIST) {
    return fail(ErrorCode::conflict, "the key file " + path + " exists already", "it is never overwritten");
  }
  if (!file.is_open()) return refused_by_system(ErrorCode::unavailable, "create", path);
  const bool durable = ::fchmod(file.fd(), kOwnerOnly) == 0 && write_all(file.fd(), reveal_secret(text)) &&
                       ::fsync(file.fd()) == 0 && sync_directory_of(path);
  if (durable) return {};
  const auto error = refused_by_system(ErrorCode::unavailable, "write", path);
  ::unlink(path.c_str());
  return error;
}

namespace {

Result<Secret> read_safe_file(const std::string& path, mode_t forbidden) {
  // O_NONBLOCK: a pipe somebody put there must not hang the start.
  const File file(path, O_RDONLY | O_NONBLOCK);
  if (!file.is_open()) return cannot_open(path);
  const Result<void> safe = check_safe(file.fd(), path, forbidden);
  if (!safe) return fail(safe.error());
  return read_all(file.fd(), path);
}

}  // namespace

Result<Secret> read_key_file(const std::string& path) { return read_safe_file(path, S_IRWXG | S_IRWXO); }

Result<Secret> read_credential_file(const std::string& path) { return read_safe_file(path, S_IWGRP | S_IRWXO); }

}  // namespace keyfob::keys
