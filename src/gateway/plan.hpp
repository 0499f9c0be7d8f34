#pragma once
// Plan: the provider profiles as the gateway needs them, compiled once and shared by all threads; Origins: the same
// routes with one thread's upstream handles.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "core/application.hpp"
#include "core/provider.hpp"
#include "gateway/route_table.hpp"
#include "http/worker.hpp"

namespace keyfob::gateway {

/// "{provider_user}", "{user}" and "{vehicle}" within a header's value.
struct TemplatePiece {
  enum class Kind : std::uint8_t { text, provider_user, user, vehicle };
  Kind kind = Kind::text;
  std::string text{};
};
struct InjectedHeader {
  std::string name;
  std::vector<TemplatePiece> value;
};

struct RoutePlan {
  std::optional<Permission> permission{};  ///< empty: the profile names one that does not exist, nobody may
  std::vector<InjectedHeader> inject{};
  bool injects_provider_user = false;
};

struct ProviderPlan {
  RouteTable table;
  std::vector<RoutePlan> routes;  ///< by RouteMatch::index
  std::vector<AttentionRule> attention;
};

/// Immutable; any thread.
class Plan {
 public:
  /// invalid_argument: a route does not compile, or a template has an unknown placeholder or a control byte.
  [[nodiscard]] static Result<std::shared_ptr<const Plan>> compile(const std::vector<ProviderProfile>& profiles);
  /// Null when there is no such profile. Lives as long as the plan.
  [[nodiscard]] const ProviderPlan* provider(std::string_view name) const;
  [[nodiscard]] const std::map<std::string, ProviderPlan, std::less<>>& providers() const { return providers_; }

 private:
  std::map<std::string, ProviderPlan, std::less<>> providers_;
};

/// One thread's upstream handles for every route of a plan.
class Origins {
 public:
  [[nodiscard]] static Result<Origins> open(const Plan& plan, http::Worker& worker);
  [[nodiscard]] http::Origin& of(const ProviderPlan& provider, std::uint16_t route) const {
    return *by_route_.at(&provider).at(route);
  }

 private:
  std::map<const ProviderPlan*, std::vector<http::Origin*>> by_route_;
};

}  // namespace keyfob::gateway
