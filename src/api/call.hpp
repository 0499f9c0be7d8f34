#pragma once
// Call: one request to the API with what is known about it, and the questions every handler asks first: whose
// application, whose grant, may they.

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "api/problem.hpp"
#include "api/query.hpp"
#include "api/services.hpp"
#include "core/audit_entry.hpp"
#include "core/grant.hpp"
#include "http/message.hpp"
#include "ports/gatekeeper.hpp"

namespace keyfob::api {

template <class T>
using Answer = std::expected<T, Problem>;
using Outcome = Answer<http::Response>;
using AppPtr = std::shared_ptr<const engine::ApplicationView>;

/// The request's body is wiped when the call ends: it may hold tokens.
struct Call {
  http::Request request;
  std::shared_ptr<const Admission> admission{};  ///< null: an endpoint that asks nobody who they are
  Query query{};
  std::vector<std::string> captures{};  ///< what the braces of the endpoint's path matched, decoded
  std::shared_ptr<AuditEntry> note{};   ///< what goes on record; handlers name whom it was done to. Never null in one

  Call() = default;
  Call(Call&&) = default;
  Call& operator=(Call&&) = delete;
  ~Call() { wipe(request.body.data(), request.body.size()); }

  /// Every user, every application: not tied to one application.
  [[nodiscard]] bool whole_installation() const { return admission->app.empty(); }
};

/// The application of this call: the caller's own or, for admins of the whole installation, the one of `app=`.
/// bad_request: none was named. forbidden: not the caller's. unknown_app.
[[nodiscard]] Answer<AppPtr> app_of(const Services& services, const Call& call);
/// As app_of, but null for an admin of the whole installation who named none.
[[nodiscard]] Answer<AppPtr> app_if_named(const Services& services, const Call& call);
/// By name, else by id. unknown_app.
[[nodiscard]] Answer<AppPtr> find_app(const engine::DirectorySnapshot& directory, std::string_view name);
/// What people call it; the id when it is gone.
[[nodiscard]] std::string app_name(const engine::DirectorySnapshot& directory, const AppId& app);

/// forbidden when the caller is kept to other users.
[[nodiscard]] Answer<void> may_see(const Admission& caller, std::string_view user);
[[nodiscard]] inline Answer<void> may_see(const Call& call, std::string_view user) {
  return may_see(*call.admission, user);
}
/// Asking for the token of `subject`. user_required: nobody is named. forbidden: the caller is kept to other users.
[[nodiscard]] Answer<void> may_ask(const Admission& caller, Subject subject);
/// forbidden unless the caller's application is this one, or the caller has the whole installation.
[[nodiscard]] Answer<void> may_see_app(const Call& call, const AppId& app);
/// A failure about somebody else's grant becomes `forbidden` and says nothing about it.
[[nodiscard]] Problem problem_for(const Call& call, const TokenFailure& failure);

/// The grant whose id is the first capture, if the caller may see it. Engine executor.
[[nodiscard]] Task<Answer<Grant>> find_grant(const Services& services, const Call& call);

[[nodiscard]] inline std::unexpected<Problem> refuse(std::string_view code, std::string detail, std::string hint = {}) {
  return std::unexpected(problem(code, std::move(detail), std::move(hint)));
}
[[nodiscard]] inline std::unexpected<Problem> refuse(const Error& error, std::string_view not_found = "not_found") {
  return std::unexpected(problem_of(error, not_found));
}

}  // namespace keyfob::api
