#pragma once
// Terminal: where a command writes and reads. Everything that depends on "is a person looking at this" is here.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace keyfob::cli {

[[nodiscard]] bool stdin_is_terminal();
[[nodiscard]] bool stdout_is_terminal();
[[nodiscard]] bool stderr_is_terminal();

/// Writes everything to stdout. False when it cannot be written (closed pipe, full disk).
bool print(std::string_view text);
void print_error(std::string_view text);

/// Colours, where somebody sees them: stdout is a terminal that is not "dumb", and NO_COLOR is not set.
enum class Style : std::uint8_t { plain, good, alarm, faint };
[[nodiscard]] std::string styled(Style style, std::string_view text);

/// Columns of the terminal behind stdout; 0: it is none, so nothing has to fit.
[[nodiscard]] std::size_t terminal_width();

/// Asks on the controlling terminal with echo switched off; the echo comes back whatever happens.
[[nodiscard]] Result<Secret> prompt_secret(std::string_view question);

/// Asks a yes-or-no question on the terminal; without one the answer is no.
[[nodiscard]] bool confirm(std::string_view question);

/// A bar on stderr while a person is looking at it, silence otherwise.
class ProgressBar {
 public:
  /// `total` in bytes; 0 when it is not known.
  ProgressBar(std::string title, std::uint64_t total, bool visible);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Draws at most once per percent.
  void advance_to(std::uint64_t done, std::string_view note);

 private:
  std::string title_;
  std::uint64_t total_;
  bool visible_;
  int drawn_percent_ = -1;
};

}  // namespace keyfob::cli
