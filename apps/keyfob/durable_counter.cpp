#include "apps/keyfob/durable_counter.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "apps/keyfob/durable_file.hpp"

namespace keyfob::node {
namespace {

constexpr std::size_t kLine = 32;  // bytes, line break included; both lines share one disk sector

std::string line_of(std::uint64_t number) { return fmt::format("{:<31}\n", number); }

std::optional<std::uint64_t> number_in(std::string_view line) {
  std::uint64_t number = 0;
  if (line.size() != kLine || !line.ends_with('\n')) return std::nullopt;
  const auto [end, failure] = std::from_chars(line.data(), line.data() + line.size(), number);
  const std::string_view rest(end, line.data() + line.size());
  if (failure != std::errc() || rest.find_first_not_of(" \n") != std::string_view::npos) return std::nullopt;
  return number;
}

Result<void> overwrite(const std::filesystem::path& path, std::size_t offset, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const bool done = fd >= 0 && ::pwrite(fd, text.data(), text.size(), static_cast<off_t>(offset)) == std::ssize(text) &&
                    ::fsync(fd) == 0;
  const int number = errno;
  if (fd >= 0) ::close(fd);
  if (done) return {};
  return fail(number == EACCES ? ErrorCode::forbidden : ErrorCode::unavailable,
              fmt::format("cannot write {}: {}", path.string(), std::strerror(number)));
}

}  // namespace

Result<std::uint64_t> count_up(const std::filesystem::path& path) {
  auto text = read_small_file(path);
  if (!text && text.error().code != ErrorCode::not_found) return fail(text.error());
  if (!text) {
    auto made = replace_file(path, line_of(0) + line_of(1));
    return made ? Result<std::uint64_t>(1) : fail(made.error());
  }
  text->resize(2 * kLine);
  const auto first = number_in(std::string_view(*text).substr(0, kLine));
  const auto second = number_in(std::string_view(*text).substr(kLine));
  if (!first && !second)
    return fail(ErrorCode::damaged, fmt::format("{} does not hold a number", path.string()),
                "restore it; it must never hold a number that was used before");
  const std::uint64_t next = std::max(first.value_or(0), second.value_or(0)) + 1;
  if (auto written = overwrite(path, (next % 2) * kLine, line_of(next)); !written) return fail(written.error());
  return next;
}

}  // namespace keyfob::node
