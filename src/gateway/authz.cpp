#include "gateway/authz.hpp"

namespace keyfob::gateway {
namespace {

constexpr std::string_view kMethod = "x-original-method";
constexpr std::string_view kTarget = "x-original-uri";

}  // namespace

bool is_authz(std::string_view path) {
  return path.starts_with(kAuthzPath) && (path.size() == kAuthzPath.size() || path[kAuthzPath.size()] == '/');
}

std::optional<Wanted> wanted_by(const http::RequestHead& question) {
  const std::string_view behind = question.path().substr(kAuthzPath.size());
  const std::size_t methods = question.count(kMethod);
  const std::size_t targets = question.count(kTarget);
  if (!behind.empty()) {
    if (methods != 0 || targets != 0) return std::nullopt;
    return Wanted{question.method_name(), behind};
  }
  if (methods != 1 || targets != 1) return std::nullopt;
  const std::string_view target = *question.find(kTarget);
  return Wanted{*question.find(kMethod), target.substr(0, target.find('?'))};
}

}  // namespace keyfob::gateway
