#pragma once
// CallerMemo: who the caller of a connection is, remembered from request to request, so that the gate is asked once per
// connection and again whenever its answer may have changed.

#include <memory>
#include <optional>

#include "base/wiped_string.hpp"
#include "gateway/plan.hpp"
#include "gateway/route_table.hpp"
#include "ports/clock.hpp"
#include "ports/gatekeeper.hpp"

namespace keyfob::gateway {

/// One connection's. Not thread-safe.
class CallerMemo {
 public:
  /// Whose evidence this is, or why not. Asks the gatekeeper again when the evidence differs from the last one, when
  /// the gatekeeper's revision has moved, or when the admission has expired. No allocation when nothing changed.
  [[nodiscard]] std::expected<const Admission*, AccessProblem> admit(Gatekeeper& gatekeeper, const Clock& clock,
                                                                     const Evidence& evidence, const Plan& plan);
  /// Of the last admission; null when its provider has no profile here.
  [[nodiscard]] const ProviderPlan* provider() const { return provider_; }
  /// Whether the caller's own list of routes admits this one.
  [[nodiscard]] bool allows(std::string_view method, std::string_view path) const;

 private:
  [[nodiscard]] bool still_holds(const Gatekeeper& gatekeeper, const Clock& clock, const Evidence& evidence) const;
  void remember(std::shared_ptr<const Admission> admission, const Evidence& evidence, const Plan& plan);

  std::shared_ptr<const Admission> admission_;
  WipedString authorization_;
  std::uint64_t revision_ = 0;
  const ProviderPlan* provider_ = nullptr;
  std::optional<RouteLimits> limits_;
  bool limits_are_sound_ = true;
};

}  // namespace keyfob::gateway
