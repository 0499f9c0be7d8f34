#include "gateway/plan.hpp"

#include "http/head_scanner.hpp"

namespace keyfob::gateway {
namespace {

std::optional<TemplatePiece::Kind> placeholder_from(std::string_view name) {
  if (name == "{provider_user}") return TemplatePiece::Kind::provider_user;
  if (name == "{user}") return TemplatePiece::Kind::user;
  if (name == "{vehicle}") return TemplatePiece::Kind::vehicle;
  return std::nullopt;
}

Result<std::vector<TemplatePiece>> parse_template(std::string_view text) {
  std::vector<TemplatePiece> pieces;
  while (!text.empty()) {
    const auto open = text.find('{');
    if (open != 0) {
      pieces.push_back({TemplatePiece::Kind::text, std::string(text.substr(0, open))});
      text.remove_prefix(std::min(open, text.size()));
      continue;
    }
    const auto close = text.find('}');
    const std::string_view name = text.substr(0, close == std::string_view::npos ? close : close + 1);
    const auto kind = placeholder_from(name);
    if (!kind) return fail(ErrorCode::invalid_argument, "unknown placeholder " + std::string(name));
    pieces.push_back({*kind, {}});
    text.remove_prefix(name.size());
  }
  return pieces;
}

Result<RoutePlan> plan_route(const RouteRule& rule) {
  RoutePlan plan;
  plan.permission = permission_from(rule.permission);
  for (const auto& [name, value] : rule.inject) {
    if (!http::is_token(name) || !http::is_field_value(value)) {
      return fail(ErrorCode::invalid_argument, "route " + rule.match + ": header " + name + " cannot be sent");
    }
    auto pieces = parse_template(value);
    if (!pieces) {
      return fail(ErrorCode::invalid_argument, "route " + rule.match + ": " + pieces.error().what,
                  "use {provider_user}, {user} or {vehicle}");
    }
    for (const TemplatePiece& piece : *pieces) {
      plan.injects_provider_user |= piece.kind == TemplatePiece::Kind::provider_user;
    }
    plan.inject.push_back({name, std::move(*pieces)});
  }
  return plan;
}

}  // namespace

Result<std::shared_ptr<const Plan>> Plan::compile(const std::vector<ProviderProfile>& profiles) {
  auto plan = std::make_shared<Plan>();
  for (const ProviderProfile& profile : profiles) {
    auto table = RouteTable::compile(profile.routes);
    if (!table) return fail(table.error());
    std::vector<RoutePlan> routes;
    for (const RouteRule& rule : profile.routes) {
      auto route = plan_route(rule);
      if (!route) return fail(route.error());
      routes.push_back(std::move(*route));
    }
    plan->providers_.emplace(profile.name, ProviderPlan{std::move(*table), std::move(routes), profile.attention});
  }
  return plan;
}

const ProviderPlan* Plan::provider(std::string_view name) const {
  const auto found = providers_.find(name);
  return found == providers_.end() ? nullptr : &found->second;
}

Result<Origins> Origins::open(const Plan& plan, http::Worker& worker) {
  Origins origins;
  for (const auto& [name, provider] : plan.providers()) {
    std::vector<http::Origin*>& handles = origins.by_route_[&provider];
    for (const RouteRule& rule : provider.table.rules()) {
      auto origin = worker.origin(rule.origin);
      if (!origin) return fail(origin.error());
      handles.push_back(*origin);
    }
  }
  return origins;
}

}  // namespace keyfob::gateway
