#include "web/router.hpp"

namespace keyfob::sim {
namespace {

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const auto end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  while (!segments.empty() && segments.back().empty()) segments.pop_back();
  return segments;
}

bool is_capture(std::string_view segment) { return segment.starts_with('{'); }
bool is_rest(std::string_view segment) { return segment.ends_with("*}"); }

std::string join(std::span<const std::string_view> segments) {
  std::string text;
  for (const std::string_view segment : segments) text += "/" + std::string(segment);
  return text;
}

bool fits(std::span<const std::string_view> pattern, std::span<const std::string_view> path) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (i >= path.size()) return false;
    if (is_rest(pattern[i])) return true;
    if (!is_capture(pattern[i]) && pattern[i] != path[i]) return false;
  }
  return pattern.size() == path.size();
}

std::map<std::string, std::string, std::less<>> captures_of(std::span<const std::string_view> pattern,
                                                            std::span<const std::string_view> path) {
  std::map<std::string, std::string, std::less<>> captures;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (is_rest(pattern[i])) {
      captures["rest"] = join(path.subspan(i));
    } else if (is_capture(pattern[i])) {
      captures[std::string(pattern[i].substr(1, pattern[i].size() - 2))] = path[i];
    }
  }
  return captures;
}

}  // namespace

Router::Router() {
  for (const auto& routes :
       {token_routes(), connect_routes(), account_routes(), management_routes(), vehicle_routes(), v3_routes(),
        v3_management_routes(), v3_schedule_routes(), hook_routes(), steering_routes(), report_routes()}) {
    for (const Route& route : routes) entries_.push_back({&route, split(route.pattern)});
  }
}

Router::Match Router::find(std::string_view method, std::string_view path) const {
  const auto segments = split(path);
  const std::string_view as = method == "HEAD" ? "GET" : method;
  for (const Entry& entry : entries_) {
    if (entry.route->method == as && fits(entry.segments, segments)) {
      return {entry.route, captures_of(entry.segments, segments)};
    }
  }
  return {};
}

}  // namespace keyfob::sim
