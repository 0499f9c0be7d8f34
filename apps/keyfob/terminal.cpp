#include "apps/keyfob/terminal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/bytes.hpp"

namespace keyfob::cli {
namespace {

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

/// https://no-color.org: set and not empty means no.
bool wants_colours() {
  const char* no = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  if (no != nullptr && *no != '\0') return false;
  if (term == nullptr || std::string_view(term) == "dumb") return false;
  return stdout_is_terminal();
}

/// Echo off for as long as it lives.
class SilentTerminal {
 public:
  explicit SilentTerminal(int fd) : fd_(fd) {
    ok_ = ::tcgetattr(fd_, &before_) == 0;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ok_ = ok_ && ::tcsetattr(fd_, TCSAFLUSH, &silent) == 0;
  }
  ~SilentTerminal() {
    if (ok_) (void)::tcsetattr(fd_, TCSAFLUSH, &before_);
    ::close(fd_);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  int fd_;
  termios before_{};
  bool ok_ = false;
};

}  // namespace

bool stdin_is_terminal() { return ::isatty(STDIN_FILENO) == 1; }
bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }
bool stderr_is_terminal() { return ::isatty(STDERR_FILENO) == 1; }

std::string styled(Style style, std::string_view text) {
  static constexpr std::array<std::string_view, 4> kCodes = {"", "32", "1;31", "2"};
  const auto code = kCodes.at(static_cast<std::size_t>(style));
  if (code.empty() || !wants_colours()) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

std::size_t terminal_width() {
  winsize size{};
  if (!stdout_is_terminal() || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

bool print(std::string_view text) { return write_all(STDOUT_FILENO, text); }
void print_error(std::string_view text) { (void)write_all(STDERR_FILENO, text); }

Result<Secret> prompt_secret(std::string_view question) {
  const int fd = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return fail(ErrorCode::unavailable, "there is no terminal to ask on", "give the secret as @FILE");
  const SilentTerminal silent(fd);
  if (!silent.ok()) return fail(ErrorCode::unavailable, "the terminal's echo cannot be switched off");
  (void)write_all(fd, fmt::format("{}: ", question));
  std::string line;
  line.reserve(4096);
  char c = 0;
  while (line.size() < 4096 && ::read(fd, &c, 1) == 1 && c != '\n') line += c;
  (void)write_all(fd, "\n");
  Secret secret{std::string_view(line)};
  wipe(line.data(), line.size());
  return secret;
}

bool confirm(std::string_view question) {
  if (!stdin_is_terminal()) return false;
  print_error(fmt::format("{} [y/N] ", question));
  std::string line;
  char c = 0;
  while (line.size() < 16 && ::read(STDIN_FILENO, &c, 1) == 1 && c != '\n') line += c;
  return line == "y" || line == "Y" || line == "yes";
}

ProgressBar::ProgressBar(std::string title, std::uint64_t total, bool visible)
    : title_(std::move(title)), total_(total), visible_(visible && total > 0) {}

ProgressBar::~ProgressBar() {
  if (visible_ && drawn_percent_ >= 0) print_error("\r\x1b[K");
}

void ProgressBar::advance_to(std::uint64_t done, std::string_view note) {
  if (!visible_) return;
  const int percent = static_cast<int>(done * 100 / total_);
  if (percent == drawn_percent_) return;
  drawn_percent_ = percent;
  const auto filled = static_cast<std::size_t>(percent) * 30 / 100;
  print_error(fmt::format("\r\x1b[K{} [{:<30}] {:3}% {}", title_, std::string(filled, '#'), percent, note));
}

}  // namespace keyfob::cli
