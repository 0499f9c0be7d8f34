#pragma once
// The handlers of the API, one per endpoint (endpoints.cpp has the table). All run on the engine's executor, except
// those marked any_thread or always_ready. `services` outlives every call.

#include "api/call.hpp"

namespace keyfob::api {

Task<Outcome> get_token(Services& services, Call call);

Task<Outcome> post_grant(Services& services, Call call);
Task<Outcome> import_grants(Services& services, Call call);
Task<Outcome> probe_grants(Services& services, Call call);
Task<Outcome> export_grants(Services& services, Call call);
Task<Outcome> list_connections(Services& services, Call call);
Task<Outcome> identify_grant(Services& services, Call call);
Task<Outcome> reconcile_grant(Services& services, Call call);
Task<Outcome> list_grants(Services& services, Call call);
Task<Outcome> get_grant(Services& services, Call call);
Task<Outcome> refresh_grant(Services& services, Call call);
Task<Outcome> revoke_grant(Services& services, Call call);
Task<Outcome> remove_grant(Services& services, Call call);

Task<Outcome> post_connect(Services& services, Call call);
Task<Outcome> confirm_connect(Services& services, Call call);
Task<Outcome> get_callback(Services& services, Call call);

Task<Outcome> post_webhook(Services& services, Call call);

Task<Outcome> list_apps(Services& services, Call call);
Task<Outcome> post_app(Services& services, Call call);
Task<Outcome> get_app(Services& services, Call call);
Task<Outcome> patch_app(Services& services, Call call);
Task<Outcome> delete_app(Services& services, Call call);

Task<Outcome> list_callers(Services& services, Call call);
Task<Outcome> post_caller(Services& services, Call call);
Task<Outcome> get_caller(Services& services, Call call);
Task<Outcome> disable_caller(Services& services, Call call);
Task<Outcome> rotate_caller(Services& services, Call call);

Task<Outcome> list_keys(Services& services, Call call);
Task<Outcome> rotate_key(Services& services, Call call);
Task<Outcome> reseal_keys(Services& services, Call call);
Task<Outcome> forget_node(Services& services, Call call);
Task<Outcome> rewrap_keys(Services& services, Call call);

Task<Outcome> list_audit(Services& services, Call call);
Task<Outcome> list_audit_heads(Services& services, Call call);
Task<Outcome> verify_audit(Services& services, Call call);

Task<Outcome> get_status(Services& services, Call call);
Task<Outcome> get_version(Services& services, Call call);
Task<Outcome> get_healthz(Services& services, Call call);
Task<Outcome> get_readyz(Services& services, Call call);
Task<Outcome> get_metrics(Services& services, Call call);
Task<Outcome> get_openapi(Services& services, Call call);

}  // namespace keyfob::api
