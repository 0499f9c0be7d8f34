#include "api/openapi_schemas.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace keyfob::api {
namespace {

constexpr std::string_view kSchemas = R"json({
  "Time": {"type": "string", "format": "date-time"},
  "TimeOrNull": {"type": ["string", "null"], "format": "date-time"},
  "Texts": {"type": "array", "items": {"type": "string"}},
  "Scope": {"type": ["string", "array"], "items": {"type": "string"}, "description": "Words with spaces between them, or a list"},
  "Permission": {"type": "string", "enum": ["gateway", "token:read", "grant:read", "grant:write", "grant:revoke", "management", "admin"]},
  "GrantStatus": {"type": "string", "enum": ["active", "suspect", "needs_reauth", "revoking", "revoked"]},

  "Problem": {
    "type": "object", "description": "RFC 9457; the code is also in the header Keyfob-Error",
    "required": ["type", "title", "status", "detail", "code"], "additionalProperties": false,
    "properties": {
      "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"},
      "code": {"type": "string", "pattern": "^[a-z_]+$"}, "hint": {"type": "string"},
      "request_id": {"type": "string"}, "grant": {"type": "string"}, "user": {"type": "string"}, "vehicles": {"$ref": "#/components/schemas/Texts"}}},

  "Token": {
    "type": "object", "additionalProperties": false,
    "required": ["access_token", "token_type", "expires_in", "grant", "user", "vehicles", "scope"],
    "properties": {
      "access_token": {"type": "string"}, "token_type": {"type": "string", "enum": ["Bearer"]}, "expires_in": {"type": "integer"},
      "grant": {"type": "string"}, "user": {"type": "string"}, "vehicles": {"$ref": "#/components/schemas/Texts"},
      "scope": {"type": "string"}}},

  "Grant": {
    "type": "object", "additionalProperties": false, "description": "Never a token",
    "required": ["id", "app", "user", "provider_user", "vehicles", "scope", "status", "attention", "generation", "epoch",
                 "access_expires_at", "refresh_expires_at", "created_at", "updated_at"],
    "properties": {
      "id": {"type": "string"}, "app": {"type": "string"}, "user": {"type": "string"}, "provider_user": {"type": "string"},
      "vehicles": {"$ref": "#/components/schemas/Texts"}, "scope": {"type": "string"},
      "status": {"$ref": "#/components/schemas/GrantStatus"}, "attention": {"$ref": "#/components/schemas/AttentionOrNull"},
      "generation": {"type": "integer"}, "epoch": {"type": "integer"},
      "access_expires_at": {"$ref": "#/components/schemas/Time"}, "refresh_expires_at": {"$ref": "#/components/schemas/Time"},
      "created_at": {"$ref": "#/components/schemas/Time"}, "updated_at": {"$ref": "#/components/schemas/Time"}}},
  "AttentionOrNull": {
    "type": ["object", "null"], "required": ["reason", "vehicle", "since"], "additionalProperties": false,
    "properties": {"reason": {"type": "string"}, "vehicle": {"type": "string"}, "since": {"$ref": "#/components/schemas/Time"}}},
  "Grants": {
    "type": "object", "required": ["grants", "next_cursor"], "additionalProperties": false,
    "properties": {"grants": {"type": "array", "items": {"$ref": "#/components/schemas/Grant"}}, "next_cursor": {"type": ["string", "null"]}}},
  "Outlook": {
    "type": "object", "additionalProperties": false, "description": "What Keyfob will do with a grant next, and why",
    "required": ["id", "status", "single_select", "rotated_at", "due_at", "renew_by", "refusals", "attempt"],
    "properties": {
      "id": {"type": "string"}, "status": {"$ref": "#/components/schemas/GrantStatus"}, "single_select": {"type": "boolean"},
      "rotated_at": {"$ref": "#/components/schemas/TimeOrNull"}, "due_at": {"$ref": "#/components/schemas/TimeOrNull"},
      "renew_by": {"$ref": "#/components/schemas/TimeOrNull"},
      "refusals": {
        "type": ["object", "null"], "additionalProperties": false,
        "required": ["count", "first_at", "last_at", "reason", "certain", "after_unknown"],
        "properties": {
          "count": {"type": "integer"}, "first_at": {"$ref": "#/components/schemas/Time"},
          "last_at": {"$ref": "#/components/schemas/Time"}, "reason": {"type": "string"}, "certain": {"type": "boolean"},
          "after_unknown": {"type": "boolean"}}},
      "attempt": {
        "type": ["object", "null"], "required": ["node", "running_for"], "additionalProperties": false,
        "properties": {"node": {"type": "string"}, "running_for": {"type": "integer"}}}}},
  "NewGrant": {
    "type": "object", "required": ["user", "access_token", "refresh_token", "expires_in"], "additionalProperties": false,
    "properties": {
      "user": {"type": "string", "maxLength": 256}, "vehicles": {"$ref": "#/components/schemas/Texts"},
      "access_token": {"type": "string"}, "refresh_token": {"type": "string"}, "expires_in": {"type": "integer"},
      "refresh_expires_in": {"type": "integer"}, "scope": {"$ref": "#/components/schemas/Scope"},
      "provider_user": {"type": "string"}, "single_select": {"type": "boolean"}}},
  "ImportReport": {
    "type": "object", "required": ["imported", "replaced", "unchanged", "kept", "failed"], "additionalProperties": false,
    "properties": {
      "imported": {"type": "integer"}, "replaced": {"type": "integer"}, "unchanged": {"type": "integer"}, "kept": {"type": "integer"},
      "failed": {"type": "array", "items": {
        "type": "object", "required": ["line", "code", "detail", "hint"], "additionalProperties": false,
        "properties": {"line": {"type": "integer"}, "code": {"type": "string"}, "detail": {"type": "string"}, "hint": {"type": ["string", "null"]}}}}}},
  "Revoking": {
    "type": "object", "required": ["status"], "additionalProperties": false,
    "properties": {"status": {"$ref": "#/components/schemas/GrantStatus"}}},

  "ConnectRequest": {
    "type": "object", "required": ["user"], "additionalProperties": false,
    "properties": {
      "user": {"type": "string"}, "return_to": {"type": "string"}, "scope": {"$ref": "#/components/schemas/Scope"},
      "make": {"type": "string"}, "single_select": {"type": "boolean"}, "single_select_vin": {"type": "string"},
      "flags": {"type": "string"}, "force": {"type": "boolean"}, "external_id": {"type": "string"},
      "share_user": {"type": "boolean"}, "reauthenticate": {"type": "string"}, "confirm": {"type": "boolean"}}},
  "Confirmation": {
    "type": "object", "required": ["state", "user"], "additionalProperties": false,
    "properties": {"state": {"type": "string"}, "user": {"type": "string"}}},
  "ExportedGrants": {
    "type": "object", "required": ["grants", "without_tokens", "damaged", "unsettled", "next_cursor"],
    "properties": {
      "grants": {"type": "array", "items": {"$ref": "#/components/schemas/NewGrant"}}, "without_tokens": {"type": "integer"},
      "damaged": {"type": "integer"}, "unsettled": {"type": "integer"}, "next_cursor": {"type": ["string", "null"]}}},
  "Reconciled": {
    "type": "object", "required": ["result", "missing", "grant"], "additionalProperties": false,
    "properties": {
      "result": {"type": "string"}, "missing": {"$ref": "#/components/schemas/Texts"},
      "grant": {"$ref": "#/components/schemas/Grant"}}},
  "Connections": {
    "type": "object", "required": ["connections", "next_cursor"], "additionalProperties": false,
    "properties": {
      "connections": {"type": "array", "items": {
        "type": "object", "required": ["provider_user", "vehicle"], "additionalProperties": false,
        "properties": {"provider_user": {"type": "string"}, "vehicle": {"type": "string"}}}},
      "next_cursor": {"type": ["string", "null"]}}},
  "ConnectUrl": {
    "type": "object", "required": ["url", "state", "expires_in"], "additionalProperties": false,
    "properties": {"url": {"type": "string"}, "state": {"type": "string"}, "expires_in": {"type": "integer"}}},

  "App": {
    "type": "object", "additionalProperties": false, "description": "Never a secret; `secrets` names those that are set",
    "required": ["id", "name", "provider", "client_id", "v3_client_id", "mode", "redirect_uri", "scopes", "return_to", "webhook_url",
                 "secrets", "created_at", "updated_at"],
    "properties": {
      "id": {"type": "string"}, "name": {"type": "string"}, "provider": {"type": "string"}, "client_id": {"type": "string"},
      "v3_client_id": {"type": "string"}, "mode": {"type": "string", "enum": ["live", "simulated"]},
      "redirect_uri": {"type": "string"}, "scopes": {"$ref": "#/components/schemas/Texts"},
      "return_to": {"$ref": "#/components/schemas/Texts"}, "webhook_url": {"type": "string"},
      "secrets": {"$ref": "#/components/schemas/Texts"},
      "created_at": {"$ref": "#/components/schemas/Time"}, "updated_at": {"$ref": "#/components/schemas/Time"}}},
  "Apps": {
    "type": "object", "required": ["apps"], "additionalProperties": false,
    "properties": {"apps": {"type": "array", "items": {"$ref": "#/components/schemas/App"}}}},
  "AppChange": {
    "type": "object", "additionalProperties": false,
    "properties": {
      "provider": {"type": "string"}, "client_id": {"type": "string"}, "client_secret": {"type": "string"},
      "management_token": {"type": "string"}, "v3_client_id": {"type": "string"}, "v3_client_secret": {"type": "string"},
      "mode": {"type": "string", "enum": ["live", "simulated"]}, "redirect_uri": {"type": "string"},
      "scopes": {"$ref": "#/components/schemas/Texts"}, "return_to": {"$ref": "#/components/schemas/Texts"},
      "webhook_url": {"type": "string"}, "webhook_secret": {"type": "string"}}},
  "NewApp": {
    "type": "object", "required": ["name", "client_id", "client_secret"], "additionalProperties": false,
    "properties": {
      "name": {"type": "string"}, "provider": {"type": "string"}, "client_id": {"type": "string"}, "client_secret": {"type": "string"},
      "management_token": {"type": "string"}, "v3_client_id": {"type": "string"}, "v3_client_secret": {"type": "string"},
      "mode": {"type": "string", "enum": ["live", "simulated"]}, "redirect_uri": {"type": "string"},
      "scopes": {"$ref": "#/components/schemas/Texts"}, "return_to": {"$ref": "#/components/schemas/Texts"},
      "webhook_url": {"type": "string"}, "webhook_secret": {"type": "string"}}},

  "Caller": {
    "type": "object", "description": "`app` is null for an operator",
    "required": ["id", "name", "app", "permissions", "users", "routes", "expires_at", "disabled", "created_at", "updated_at"],
    "properties": {
      "id": {"type": "string"}, "name": {"type": "string"}, "app": {"type": ["string", "null"]},
      "permissions": {"type": "array", "items": {"$ref": "#/components/schemas/Permission"}},
      "users": {"$ref": "#/components/schemas/Texts"}, "routes": {"$ref": "#/components/schemas/Texts"},
      "expires_at": {"$ref": "#/components/schemas/TimeOrNull"}, "disabled": {"type": "boolean"},
      "created_at": {"$ref": "#/components/schemas/Time"}, "updated_at": {"$ref": "#/components/schemas/Time"}}},
  "IssuedCaller": {
    "allOf": [{"$ref": "#/components/schemas/Caller"}],
    "type": "object", "required": ["api_key"],
    "properties": {"api_key": {"type": "string", "description": "In this answer and nowhere else", "pattern": "^kf_[a-z0-9]{12,32}_[A-Za-z0-9_-]{43}$"}}},
  "Callers": {
    "type": "object", "required": ["callers"], "additionalProperties": false,
    "properties": {"callers": {"type": "array", "items": {"$ref": "#/components/schemas/Caller"}}}},
  "NewCaller": {
    "type": "object", "required": ["name", "permissions"], "additionalProperties": false,
    "properties": {
      "name": {"type": "string"}, "app": {"type": "string"},
      "permissions": {"type": "array", "items": {"$ref": "#/components/schemas/Permission"}},
      "users": {"$ref": "#/components/schemas/Texts"}, "routes": {"$ref": "#/components/schemas/Texts"}, "expires_in": {"type": "integer"}}},
  "Overlap": {
    "type": "object", "additionalProperties": false,
    "properties": {"overlap": {"type": "integer", "description": "Seconds for which the old key works on"}}},

  "AuditEntry": {
    "type": "object", "additionalProperties": false,
    "required": ["at", "actor", "action", "outcome", "app", "grant", "user", "subject", "count", "request_id", "node", "sequence", "mac"],
    "properties": {
      "at": {"$ref": "#/components/schemas/Time"}, "actor": {"type": "string"}, "action": {"type": "string"}, "outcome": {"type": "string"},
      "app": {"type": "string"}, "grant": {"type": "string"}, "user": {"type": "string"}, "subject": {"type": "string"},
      "count": {"type": "integer"}, "request_id": {"type": "string"}, "node": {"type": "string"}, "sequence": {"type": "integer"},
      "mac": {"type": "string"}}},
  "AuditEntries": {
    "type": "object", "required": ["entries", "next_cursor"], "additionalProperties": false,
    "properties": {"entries": {"type": "array", "items": {"$ref": "#/components/schemas/AuditEntry"}}, "next_cursor": {"type": ["string", "null"]}}},
  "AuditHeads": {
    "type": "object", "required": ["heads"], "additionalProperties": false,
    "properties": {"heads": {"$ref": "#/components/schemas/Texts"}}},
  "AuditVerification": {
    "type": "object", "required": ["sound", "records", "heads", "faults"], "additionalProperties": false,
    "properties": {
      "sound": {"type": "boolean"}, "records": {"type": "integer"}, "heads": {"$ref": "#/components/schemas/Texts"},
      "faults": {"type": "array", "items": {
        "type": "object", "required": ["node", "sequence", "what"], "additionalProperties": false,
        "properties": {"node": {"type": "string"}, "sequence": {"type": "integer"}, "what": {"type": "string"}}}}}},

  "DataKeys": {
    "type": "object", "required": ["keys"], "additionalProperties": false,
    "properties": {"keys": {"type": "array", "items": {
      "type": "object", "required": ["app", "id", "primary", "master", "created_at", "nodes"], "additionalProperties": false,
      "properties": {
        "app": {"type": "string"}, "id": {"type": "integer"}, "primary": {"type": "boolean"}, "master": {"type": "string"},
        "created_at": {"$ref": "#/components/schemas/Time"}, "nodes": {"$ref": "#/components/schemas/Texts"}}}}}},
  "OfApp": {
    "type": "object", "required": ["app"], "additionalProperties": false, "properties": {"app": {"type": "string"}}},
  "NewDataKey": {
    "type": "object", "required": ["app", "id"], "additionalProperties": false,
    "properties": {"app": {"type": "string"}, "id": {"type": "integer"}}},
  "ResealProgress": {
    "type": "object", "additionalProperties": false,
    "required": ["app", "seen", "moved", "left", "damaged", "pass_ended", "done", "retired", "kept"],
    "properties": {
      "app": {"type": "string"}, "seen": {"type": "integer"}, "moved": {"type": "integer"}, "left": {"type": "integer"},
      "damaged": {"type": "integer"}, "pass_ended": {"type": "boolean"}, "done": {"type": "boolean"},
      "retired": {"type": "array", "items": {"type": "integer"}},
      "kept": {"type": "array", "items": {
        "type": "object", "required": ["id", "why"], "additionalProperties": false,
        "properties": {"id": {"type": "integer"}, "why": {"type": "string"}}}}}},
  "OfNode": {
    "type": "object", "required": ["node"], "additionalProperties": false, "properties": {"node": {"type": "string"}}},
  "NewMasterKey": {
    "type": "object", "required": ["master_key"], "additionalProperties": false, "properties": {"master_key": {"type": "string"}}},
  "Rewrapped": {
    "type": "object", "required": ["rewrapped", "master", "created"], "additionalProperties": false,
    "properties": {"rewrapped": {"type": "integer"}, "master": {"type": "string"}, "created": {"type": "boolean"}}},

  "Status": {
    "type": "object", "required": ["version", "ready", "applications", "callers", "flights", "spooled", "cached", "suspended",
                 "outbox"],
    "properties": {
      "version": {"type": "string"}, "ready": {"type": "boolean"}, "applications": {"type": "integer"}, "callers": {"type": "integer"},
      "flights": {"type": "integer"}, "spooled": {"type": "integer"}, "cached": {"type": "integer"},
      "suspended": {"$ref": "#/components/schemas/Texts"},
      "outbox": {"type": ["array", "null"], "description": "What waits to be delivered; null: the store cannot be asked", "items": {
        "type": "object", "required": ["to", "waiting", "attempts", "oldest"], "additionalProperties": false,
        "properties": {
          "to": {"type": "string"}, "waiting": {"type": "integer"}, "attempts": {"type": "integer"},
          "oldest": {"$ref": "#/components/schemas/Time"}}}}}},
  "Version": {
    "type": "object", "required": ["version"], "additionalProperties": false, "properties": {"version": {"type": "string"}}}
})json";

constexpr std::array kShapes = {
    Shape{"GET /v1/token", "", 200, "Token"},
    Shape{"POST /v1/grants", "NewGrant", 201, "Grant"},
    Shape{"POST /v1/grants:import", "", 200, "ImportReport"},
    Shape{"POST /v1/grants:probe", "", 200, "ImportReport"},
    Shape{"GET /v1/grants:export", "", 200, "ExportedGrants"},
    Shape{"GET /v1/grants", "", 200, "Grants"},
    Shape{"GET /v1/grants/{id}", "", 200, "Grant"},
    Shape{"GET /v1/grants/{id}/outlook", "", 200, "Outlook"},
    Shape{"POST /v1/grants/{id}/refresh", "", 200, "Grant"},
    Shape{"DELETE /v1/grants/{id}", "", 202, "Revoking"},
    Shape{"DELETE /v1/grants/{id}/record", "", 204, ""},
    Shape{"POST /v1/grants/{id}/identify", "", 200, "Grant"},
    Shape{"POST /v1/grants/{id}/reconcile", "", 200, "Reconciled"},
    Shape{"GET /v1/connections", "", 200, "Connections"},
    Shape{"POST /v1/connect", "ConnectRequest", 201, "ConnectUrl"},
    Shape{"POST /v1/connect/confirm", "Confirmation", 200, "Grant"},
    Shape{"GET /v1/apps", "", 200, "Apps"},
    Shape{"POST /v1/apps", "NewApp", 201, "App"},
    Shape{"GET /v1/apps/{name}", "", 200, "App"},
    Shape{"PATCH /v1/apps/{name}", "AppChange", 200, "App"},
    Shape{"DELETE /v1/apps/{name}", "", 204, ""},
    Shape{"GET /v1/callers", "", 200, "Callers"},
    Shape{"POST /v1/callers", "NewCaller", 201, "IssuedCaller"},
    Shape{"GET /v1/callers/{name}", "", 200, "Caller"},
    Shape{"POST /v1/callers/{name}/disable", "", 200, "Caller"},
    Shape{"POST /v1/callers/{name}/rotate", "Overlap", 200, "IssuedCaller"},
    Shape{"GET /v1/audit", "", 200, "AuditEntries"},
    Shape{"GET /v1/audit/heads", "", 200, "AuditHeads"},
    Shape{"POST /v1/audit/verify", "AuditHeads", 200, "AuditVerification"},
    Shape{"GET /v1/keys", "", 200, "DataKeys"},
    Shape{"POST /v1/keys/rotate", "OfApp", 200, "NewDataKey"},
    Shape{"POST /v1/keys/reseal", "OfApp", 200, "ResealProgress"},
    Shape{"POST /v1/keys/forget-node", "OfNode", 204, ""},
    Shape{"POST /v1/keys/rewrap", "NewMasterKey", 200, "Rewrapped"},
    Shape{"GET /v1/status", "", 200, "Status"},
    Shape{"GET /v1/version", "", 200, "Version"},
};

struct Parameter {
  std::string_view name;
  std::string_view json;
};
constexpr std::array kParameters = {
    Parameter{"limit", R"({"type": "integer", "minimum": 1, "maximum": 1000, "default": 100})"},
    Parameter{"cursor", R"({"type": "string", "description": "next_cursor of the page before"})"},
    Parameter{"local", R"({"type": "boolean", "description": "Only forget the tokens; the provider is not asked"})"},
    Parameter{"dry_run", R"({"type": "boolean", "description": "Only check the fields"})"},
    Parameter{"status", R"({"$ref": "#/components/schemas/GrantStatus"})"},
    Parameter{"app", R"({"type": "string", "description": "Name or id; for admins of the whole installation"})"},
    Parameter{"since", R"({"type": "string", "description": "A time (RFC 3339) or how long ago: 24h"})"},
    Parameter{"Idempotency-Key", R"({"type": "string", "minLength": 1, "maxLength": 255})"},
};
constexpr std::string_view kText = R"({"type": "string"})";

}  // namespace

std::string_view schemas_json() { return kSchemas; }

std::string_view parameter_json(std::string_view name) {
  const auto found = std::ranges::find(kParameters, name, &Parameter::name);
  return found == kParameters.end() ? kText : found->json;
}

std::optional<Shape> shape_of(std::string_view method, std::string_view path) {
  const std::string endpoint = std::string(method) + ' ' + std::string(path);
  const auto found = std::ranges::find(kShapes, endpoint, &Shape::endpoint);
  return found == kShapes.end() ? std::nullopt : std::optional(*found);
}

}  // namespace keyfob::api
