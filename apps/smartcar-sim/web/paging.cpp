#include "web/paging.hpp"

#include <algorithm>
#include <charconv>

namespace keyfob::sim {

std::optional<std::size_t> count_parameter(const Call& call, std::string_view name, std::size_t usual,
                                           std::size_t most) {
  const std::string text = call.parameter(name);
  if (text.empty()) return usual;
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

http::Response page_response(const Call& call, std::string_view name, const std::vector<std::string>& all,
                             PageSize size) {
  const auto limit = count_parameter(call, "limit", size.usual, size.most);
  const auto offset = count_parameter(call, "offset", 0, 1'000'000);
  if (!limit || !offset) {
    ApiError error = api_error("VALIDATION", "PARAMETER", "limit or offset is out of range");
    error.field = limit ? "offset" : "limit";
    return error_response(error, call.entry.request_id);
  }
  json::array page;
  for (std::size_t i = *offset; i < std::min(all.size(), *offset + *limit); ++i) page.emplace_back(all[i]);
  json::object body;
  body[name] = std::move(page);
  body["paging"] = json::object{{"count", all.size()}, {"offset", *offset}};
  return json_response(200, body);
}

}  // namespace keyfob::sim
