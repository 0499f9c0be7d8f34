#include "http/request_id.hpp"

#include <algorithm>

namespace keyfob::http {

bool is_request_id(std::string_view text) {
  const auto visible = [](char c) { return c > ' ' && c <= '~'; };
  return !text.empty() && text.size() <= kRequestIdLength && std::ranges::all_of(text, visible);
}

std::string RequestIds::next(WallTime now) {
  const std::uint64_t number = count_.fetch_add(1, std::memory_order_relaxed) + 1;
  return std::to_string(to_unix_ms(now)) + "-" + series_ + std::to_string(number);
}

}  // namespace keyfob::http
