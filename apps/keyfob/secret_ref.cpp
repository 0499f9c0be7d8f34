#include "apps/keyfob/secret_ref.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "apps/keyfob/terminal.hpp"

namespace keyfob::cli {
namespace {

constexpr std::size_t kMaxSecret = 64UL * 1024;

/// Text that is wiped when it goes, for the moment between the read and the Secret.
class Scratch {
 public:
  Scratch() { text_.resize(kMaxSecret + 1); }
  ~Scratch() { wipe(text_.data(), text_.size()); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  bool fill_from(int fd) {
    while (size_ < text_.size()) {
      const ssize_t n = ::read(fd, text_.data() + size_, text_.size() - size_);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return false;
      if (n == 0) break;
      size_ += static_cast<std::size_t>(n);
    }
    return true;
  }
  [[nodiscard]] std::string_view view() const { return {text_.data(), size_}; }

 private:
  std::string text_;
  std::size_t size_ = 0;
};

Result<Secret> checked(std::string_view text, std::string_view option) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (text.empty()) return fail(ErrorCode::invalid_argument, fmt::format("the secret for {} is empty", option));
  if (text.size() > kMaxSecret)
    return fail(ErrorCode::invalid_argument, fmt::format("the secret for {} is longer than 64 KiB", option));
  return Secret(text);
}

Result<Secret> read_from(int fd, std::string_view option) {
  Scratch scratch;
  if (!scratch.fill_from(fd))
    return fail(ErrorCode::unavailable,
                fmt::format("the secret for {} cannot be read: {}", option, std::strerror(errno)));
  return checked(scratch.view(), option);
}

Result<Secret> from_file(const std::string& path, std::string_view option) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return fail(errno == EACCES ? ErrorCode::forbidden : ErrorCode::not_found,
                fmt::format("{} names the file {}, which cannot be opened: {}", option, path, std::strerror(errno)),
                "write the secret into that file, mode 0600, or use env:NAME or -");
  auto secret = read_from(fd, option);
  ::close(fd);
  return secret;
}

Result<Secret> from_environment(const std::string& name, std::string_view option) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr)
    return fail(ErrorCode::not_found,
                fmt::format("{} names the environment variable {}, which is not set", option, name),
                "set it, or use @FILE or -");
  return checked(value, option);
}

Result<Secret> from_stdin(std::string_view option) {
  if (!stdin_is_terminal()) return read_from(STDIN_FILENO, option);
  auto answer = prompt_secret(option.substr(option.find_first_not_of('-')));
  if (!answer) return answer;
  if (answer->empty()) return fail(ErrorCode::invalid_argument, fmt::format("the secret for {} is empty", option));
  return answer;
}

}  // namespace

Result<Secret> read_secret(std::string_view reference, std::string_view option) {
  if (reference == "-") return from_stdin(option);
  if (reference.starts_with('@') && reference.size() > 1) return from_file(std::string(reference.substr(1)), option);
  if (reference.starts_with("env:") && reference.size() > 4)
    return from_environment(std::string(reference.substr(4)), option);
  return fail(ErrorCode::invalid_argument, fmt::format("{} takes a reference, never the secret itself", option),
              "use @FILE, env:NAME or - (stdin): argument values are visible to every process of this machine");
}

}  // namespace keyfob::cli
