#include <array>

#include "api/endpoint.hpp"
#include "api/handlers.hpp"
#include "api/outlook_api.hpp"

namespace keyfob::api {
namespace {

using enum Audience;
using enum Permission;
using enum Trait;

constexpr std::array kEndpoints = {
    Endpoint{"GET", "/v1/token", permission, token_read, "vehicle user app", any_thread, get_token,
             "The current access token of a vehicle or user, refreshed when due"},

    Endpoint{"POST", "/v1/grants", permission, grant_write, "app", creates, post_grant, "Import one grant",
             "grant.imported"},
    Endpoint{"POST", "/v1/grants:import", permission, grant_write, "app dry_run replace", bulk, import_grants,
             "Import many grants, one JSON object per line", "grant.imported"},
    Endpoint{"POST", "/v1/grants:probe", permission, grant_write, "app", bulk, probe_grants,
             "Ask the provider whether the access tokens of such lines open what they say; stores and rotates nothing"},
    Endpoint{"GET", "/v1/grants:export", operators, admin, "app limit cursor", plain, export_grants,
             "A page of grants with their tokens; only on the machine itself"},
    Endpoint{"GET", "/v1/grants", permission, grant_read, "user vehicle status limit cursor app", plain, list_grants,
             "List grants"},
    Endpoint{"GET", "/v1/grants/{id}", permission, grant_read, "app", plain, get_grant, "Show one grant"},
    Endpoint{"GET", "/v1/grants/{id}/outlook", permission, grant_read, "app", plain, get_outlook,
             "What Keyfob will do with a grant next, and why"},
    Endpoint{"POST", "/v1/grants/{id}/refresh", permission, grant_write, "app", plain, refresh_grant,
             "Rotate the token pair of a grant", "grant.refresh_asked"},
    Endpoint{"DELETE", "/v1/grants/{id}", permission, grant_revoke, "app local", plain, revoke_grant,
             "Revoke a grant at the provider, then forget its tokens", "grant.revoke_asked"},
    Endpoint{"DELETE", "/v1/grants/{id}/record", permission, grant_revoke, "app", plain, remove_grant,
             "Remove a grant's record without asking the provider", "grant.removed"},

    Endpoint{"POST", "/v1/grants/{id}/identify", permission, grant_write, "app", plain, identify_grant,
             "Fill in the owner's id at the provider", "grant.identified"},
    Endpoint{"POST", "/v1/grants/{id}/reconcile", permission, grant_revoke, "app", plain, reconcile_grant,
             "Ask the provider what the grant still opens, and act on it", "grant.reconciled"},
    Endpoint{"GET", "/v1/connections", permission, management, "app cursor", plain, list_connections,
             "Owners and vehicles that the provider says are connected to the application"},

    Endpoint{"POST", "/v1/connect", permission, grant_write, "app", creates, post_connect, "Begin a consent",
             "consent.begun"},
    Endpoint{"POST", "/v1/connect/confirm", permission, grant_write, "app", plain, confirm_connect,
             "The browser that came back is this user's: make the grant usable", "consent.confirmed"},
    Endpoint{"GET", "/connect/callback", anybody, admin, "*", plain, get_callback,
             "Where the provider sends the owner's browser after consent", "consent.answered"},
    Endpoint{"POST", "/webhooks/{app}", anybody, admin, "*", plain, post_webhook,
             "Where the provider posts its webhooks; signed with the application management token"},

    Endpoint{"GET", "/v1/apps", permission, admin, "", plain, list_apps, "List applications"},
    Endpoint{"POST", "/v1/apps", operators, admin, "", creates, post_app, "Add an application", "app.added"},
    Endpoint{"GET", "/v1/apps/{name}", permission, admin, "", plain, get_app, "Show one application"},
    Endpoint{"PATCH", "/v1/apps/{name}", permission, admin, "", plain, patch_app, "Change an application",
             "app.changed"},
    Endpoint{"DELETE", "/v1/apps/{name}", operators, admin, "", plain, delete_app,
             "Remove an application with its grants, callers and keys", "app.removed"},

    Endpoint{"GET", "/v1/callers", permission, admin, "app", plain, list_callers, "List callers"},
    Endpoint{"POST", "/v1/callers", permission, admin, "", creates, post_caller,
             "Add a caller; its API key is in this answer and nowhere else", "caller.added"},
    Endpoint{"GET", "/v1/callers/{name}", permission, admin, "", plain, get_caller, "Show one caller"},
    Endpoint{"POST", "/v1/callers/{name}/disable", permission, admin, "", plain, disable_caller, "Disable a caller",
             "caller.disabled"},
    Endpoint{"POST", "/v1/callers/{name}/rotate", permission, admin, "", plain, rotate_caller,
             "Give a caller a new API key; the old one works for a while", "caller.rotated"},

    Endpoint{"GET", "/v1/audit", permission, admin, "since subject action app limit cursor", plain, list_audit,
             "Who did what, newest first"},
    Endpoint{"GET", "/v1/audit/heads", operators, admin, "", plain, list_audit_heads,
             "Where each node's chain of records ends: keep them elsewhere to verify against"},
    Endpoint{"POST", "/v1/audit/verify", operators, admin, "", plain, verify_audit,
             "Read every chain of records and say what was changed, removed or reordered"},

    Endpoint{"GET", "/v1/keys", permission, admin, "app", plain, list_keys, "List data keys"},
    Endpoint{"POST", "/v1/keys/rotate", permission, admin, "", plain, rotate_key,
             "Seal with a new data key from now on", "key.rotated"},
    Endpoint{"POST", "/v1/keys/reseal", permission, admin, "", plain, reseal_keys,
             "Move a page of what is stored to the newest data key", "key.resealed"},
    Endpoint{"POST", "/v1/keys/forget-node", operators, admin, "", plain, forget_node,
             "A node is gone for good: its say about data keys ends", "node.forgotten"},
    Endpoint{"POST", "/v1/keys/rewrap", operators, admin, "", plain, rewrap_keys,
             "Wrap every data key by another master key; only on the machine itself", "key.rewrapped"},

    Endpoint{"GET", "/v1/status", permission, admin, "", plain, get_status, "What this node is doing"},
    Endpoint{"GET", "/v1/version", caller, admin, "", always_ready, get_version, "The program's version"},
    Endpoint{"GET", "/healthz", anybody, admin, "*", always_ready, get_healthz, "The process answers"},
    Endpoint{"GET", "/readyz", anybody, admin, "*", always_ready, get_readyz, "Requests are accepted"},
    Endpoint{"GET", "/metrics", anybody, admin, "*", always_ready, get_metrics, "Metrics for Prometheus"},
    Endpoint{"GET", "/openapi.json", anybody, admin, "*", always_ready, get_openapi, "This list"},
};

/// Takes the first segment off a path that begins with '/'.
std::string_view next_segment(std::string_view& path) {
  path.remove_prefix(1);
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

bool match_path(std::string_view pattern, std::string_view path, std::vector<std::string>& captures) {
  captures.clear();
  while (pattern.starts_with('/') && path.starts_with('/')) {
    const std::string_view wanted = next_segment(pattern);
    const std::string_view segment = next_segment(path);
    if (!wanted.starts_with('{')) {
      if (wanted != segment) return false;
      continue;
    }
    auto decoded = http::decode_component(segment);
    if (!decoded || decoded->empty()) return false;
    captures.push_back(std::move(*decoded));
  }
  return pattern.empty() && path.empty();
}

}  // namespace

std::span<const Endpoint> endpoints() { return kEndpoints; }

Answer<void> permitted(const Endpoint& endpoint, const Admission& caller) {
  if (endpoint.audience == Audience::caller) return {};
  if (!caller.permissions.has(endpoint.permission)) {
    return refuse("forbidden", "the caller lacks the permission " + std::string(to_string(endpoint.permission)));
  }
  const bool restricted = !caller.app.empty() || !caller.users.empty() || !caller.routes.empty();
  if (endpoint.audience == Audience::operators && restricted) {
    return refuse("forbidden", "only an admin of the whole installation may do this");
  }
  return {};
}

Match match_endpoint(std::string_view method, std::string_view path) {
  if (method == "HEAD") method = "GET";
  Match match;
  std::vector<std::string> captures;
  for (const Endpoint& endpoint : kEndpoints) {
    if (!match_path(endpoint.path, path, captures)) continue;
    if (endpoint.method == method) {
      match.endpoint = &endpoint;
      match.captures = std::move(captures);
      return match;
    }
    match.allow += (match.allow.empty() ? "" : ", ") + std::string(endpoint.method);
  }
  return match;
}

}  // namespace keyfob::api
