#include "web/reports.hpp"

namespace keyfob::sim {
namespace {

std::string rotation_name(Rotation rotation) {
  switch (rotation) {
    case Rotation::window: return "window";
    case Rotation::strict: return "strict";
    case Rotation::none: return "none";
  }
  return "?";
}

std::int64_t seconds_until(WallTime then, WallTime now) {
  return std::chrono::duration_cast<seconds>(then - now).count();
}

void put_seconds(seconds& target, const json::object& body, std::string_view name) {
  if (const auto value = number_of(body, name)) target = seconds(static_cast<std::int64_t>(*value));
}

void put(double& target, const json::object& body, std::string_view name) {
  target = number_of(body, name).value_or(target);
}
void put(std::int64_t& target, const json::object& body, std::string_view name) {
  target = static_cast<std::int64_t>(number_of(body, name).value_or(static_cast<double>(target)));
}
void put(bool& target, const json::object& body, std::string_view name) {
  target = flag_of(body, name).value_or(target);
}
void put(std::string& target, const json::object& body, std::string_view name) {
  if (const json::value* value = body.if_contains(name)) target = value->is_null() ? "" : *text_of(body, name);
}

template <class T>
Result<void> put(T& target, const json::object& body, std::string_view name, Result<T> (*parse)(std::string_view)) {
  const auto text = text_of(body, name);
  if (!text) return {};
  const auto value = parse(*text);
  if (!value) return fail(value.error());
  target = *value;
  return {};
}

}  // namespace

json::object vehicle_json(const Vehicle& v) {
  return {{"id", v.id},
          {"vin", v.vin},
          {"make", v.make},
          {"model", v.model},
          {"year", v.year},
          {"powertrain", to_string(v.powertrain)},
          {"odometer", v.odometer},
          {"battery", v.battery},
          {"locked", v.locked},
          {"charging", v.charging},
          {"error_type", or_null(v.error_type)},
          {"error_code", or_null(v.error_code)}};
}

void change_vehicle(Vehicle& v, const json::object& body) {
  put(v.make, body, "make");
  put(v.model, body, "model");
  v.year = static_cast<int>(number_of(body, "year").value_or(v.year));
  const std::string powertrain = text_of(body, "powertrain").value_or("");
  for (const Powertrain known : {Powertrain::bev, Powertrain::phev, Powertrain::ice}) {
    if (powertrain == to_string(known)) v.powertrain = known;
  }
  put(v.odometer, body, "odometer");
  put(v.battery, body, "battery");
  put(v.fuel, body, "fuel");
  put(v.latitude, body, "latitude");
  put(v.longitude, body, "longitude");
  put(v.locked, body, "locked");
  put(v.plugged_in, body, "plugged_in");
  put(v.charging, body, "charging");
  put(v.error_type, body, "error_type");
  put(v.error_code, body, "error_code");
}

json::object owner_json(World& world, const Owner& owner) {
  json::array vehicles;
  for (const std::string& id : owner.vehicles) vehicles.push_back(vehicle_json(*world.owners.vehicle(id)));
  return {{"id", owner.id}, {"email", owner.email}, {"vehicles", std::move(vehicles)}};
}

json::object grant_json(const World& world, const Grant& grant, WallTime now) {
  const auto newest = world.desk.inspect_refresh(grant.newest_refresh, now);
  return {{"id", grant.id},
          {"client_id", or_null(grant.consent.client)},
          {"user", grant.consent.user},
          {"vehicles", array_of(grant.consent.vehicles)},
          {"scope", array_of(grant.consent.scopes)},
          {"single_select", grant.consent.single_select},
          {"created_at", to_rfc3339(grant.created)},
          {"revoked", grant.revoked},
          {"rotations", grant.rotations},
          {"newest_refresh_token", digest_of(grant.newest_refresh)},
          {"newest_access_token", digest_of(grant.newest_access)},
          {"newest_issued_at", to_rfc3339(grant.newest_issued)},
          {"newest_seen", grant.newest_seen},
          {"newest_live", newest && newest->live}};
}

json::object token_json(const World& world, const std::string& token, WallTime now) {
  if (const auto facts = world.desk.inspect_refresh(token, now)) {
    return {{"kind", "refresh"},
            {"live", facts->live},
            {"newest", facts->newest},
            {"uses", facts->uses},
            {"expires_in", seconds_until(facts->expires, now)},
            {"grant", grant_json(world, *facts->grant, now)}};
  }
  if (const auto expires = world.desk.access_expiry(token)) {
    return {{"kind", "access"},
            {"live", *expires > now},
            {"expires_in", seconds_until(*expires, now)},
            {"user", world.desk.owner_of_access(token)}};
  }
  return {{"kind", "unknown"}, {"live", false}};
}

json::object settings_json(const Settings& s) {
  return {{"access_ttl", s.access_ttl.count()},
          {"refresh_ttl", s.refresh_ttl.count()},
          {"code_ttl", s.code_ttl.count()},
          {"app_token_ttl", s.app_token_ttl.count()},
          {"reuse_window", s.reuse_window.count()},
          {"rotation", rotation_name(s.rotation)},
          {"replay", s.replay == Replay::same_pair ? "same" : "new"},
          {"refusal_words", s.refusal_words == RefusalWords::smartcar        ? "smartcar"
                            : s.refusal_words == RefusalWords::invalid_grant ? "invalid_grant"
                                                                             : "legacy"},
          {"after_disconnect", s.after_disconnect == AfterDisconnect::permission_403 ? "403" : "401"},
          {"strict_revokes_family", s.strict_revokes_family},
          {"reconnect_invalidates", s.reconnect_invalidates},
          {"v3_accepts_user_tokens", s.v3_accepts_user_tokens},
          {"v3_wraps_single_objects", s.v3_wraps_single_objects},
          {"v3_epoch_timestamps", s.v3_epoch_timestamps},
          {"unsubscribed_signals", s.unsubscribed_signals == Unsubscribed::empty       ? "empty"
                                   : s.unsubscribed_signals == Unsubscribed::not_found ? "404"
                                                                                       : "served"},
          {"triggers_in_data", s.triggers_in_data},
          {"webhook_timeout", s.webhook_timeout.count()},
          {"vehicle_limit", s.vehicle_limit},
          {"vehicle_window", s.vehicle_window.count()},
          {"vehicle_quota", s.vehicle_quota}};
}

Result<void> apply_settings(Settings& settings, const json::object& body) {
  Settings s = settings;
  put_seconds(s.access_ttl, body, "access_ttl");
  put_seconds(s.refresh_ttl, body, "refresh_ttl");
  put_seconds(s.code_ttl, body, "code_ttl");
  put_seconds(s.app_token_ttl, body, "app_token_ttl");
  put_seconds(s.reuse_window, body, "reuse_window");
  put(s.strict_revokes_family, body, "strict_revokes_family");
  put(s.reconnect_invalidates, body, "reconnect_invalidates");
  put(s.v3_accepts_user_tokens, body, "v3_accepts_user_tokens");
  put(s.v3_wraps_single_objects, body, "v3_wraps_single_objects");
  put(s.v3_epoch_timestamps, body, "v3_epoch_timestamps");
  put(s.triggers_in_data, body, "triggers_in_data");
  put_seconds(s.webhook_timeout, body, "webhook_timeout");
  put_seconds(s.vehicle_window, body, "vehicle_window");
  put(s.vehicle_limit, body, "vehicle_limit");
  put(s.vehicle_quota, body, "vehicle_quota");
  for (const auto& done :
       {put(s.rotation, body, "rotation", parse_rotation), put(s.replay, body, "replay", parse_replay),
        put(s.refusal_words, body, "refusal_words", parse_refusal_words),
        put(s.unsubscribed_signals, body, "unsubscribed_signals", parse_unsubscribed),
        put(s.after_disconnect, body, "after_disconnect", parse_after_disconnect)}) {
    if (!done) return done;
  }
  settings = s;
  return {};
}

json::object entry_json(const LogEntry& e) {
  json::object headers;
  for (const http::Header& header : e.headers) headers[header.name] = header.value;
  return {{"number", e.number},
          {"at", to_rfc3339(e.at)},
          {"request_id", e.request_id},
          {"method", e.method},
          {"path", e.path},
          {"query", e.query},
          {"route", or_null(e.route)},
          {"status", e.status},
          {"fault", or_null(e.fault)},
          {"client_auth", or_null(e.client_auth)},
          {"client_id", or_null(e.client_id)},
          {"grant_type", or_null(e.grant_type)},
          {"outcome", or_null(e.outcome)},
          {"credential", or_null(e.credential)},
          {"user", or_null(e.user)},
          {"vehicle", or_null(e.vehicle)},
          {"secret_in_url", e.secret_in_url},
          {"body_bytes", e.body_bytes},
          {"body_digest", or_null(e.body_digest)},
          {"headers", std::move(headers)}};
}

}  // namespace keyfob::sim
