#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <vector>

#include "api/body_reader.hpp"
#include "api/handlers.hpp"
#include "api/render.hpp"
#include "base/time.hpp"

namespace keyfob::api {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 1> kAppField = {"app"};
constexpr std::array<std::string_view, 1> kNodeField = {"node"};
constexpr std::array<std::string_view, 1> kMasterField = {"master_key"};

/// Who may name files and programs of this machine: the command line, in this process or over the admin socket.
bool is_local(const Call& call) { return call.admission->caller == CallerId("local"); }

json::object key_json(const Services& services, const engine::DataKeyInfo& key) {
  json::array nodes;
  for (const DataKeyHolder& holder : key.holders) nodes.emplace_back(holder.node.view());
  return {{"app", app_name(*services.directory(), key.app)},
          {"id", key.id.value()},
          {"primary", key.primary},
          {"master", key.master},
          {"created_at", to_rfc3339(key.created_at)},
          {"nodes", std::move(nodes)}};
}

json::object progress_json(const Services& services, const AppId& app, const engine::ResealProgress& progress) {
  json::array retired;
  for (const DataKeyId id : progress.retired) retired.emplace_back(id.value());
  json::array kept;
  for (const engine::KeptDataKey& key : progress.kept) kept.push_back({{"id", key.id.value()}, {"why", key.why}});
  return {{"app", app_name(*services.directory(), app)},
          {"seen", progress.seen},
          {"moved", progress.moved},
          {"left", progress.left},
          {"damaged", progress.damaged},
          {"pass_ended", progress.pass_ended},
          {"done", progress.done()},
          {"retired", std::move(retired)},
          {"kept", std::move(kept)}};
}

/// The application that the body names.
Answer<AppId> named_app(const Services& services, const Call& call) {
  BodyReader body(call.request.body, kAppField);
  const std::string name = body.text("app", Need::required);
  if (body.error()) return refuse(*body.error());
  const auto app = find_app(*services.directory(), name);
  if (!app) return std::unexpected(app.error());
  if (const auto visible = may_see_app(call, (*app)->app().id); !visible) return std::unexpected(visible.error());
  return (*app)->app().id;
}

}  // namespace

Task<Outcome> list_keys(Services& services, Call call) {
  const auto app = app_if_named(services, call);
  if (!app) co_return std::unexpected(app.error());
  const auto keys = co_await services.engine.directory().data_keys();
  if (!keys) co_return refuse(keys.error());
  json::array list;
  for (const engine::DataKeyInfo& key : *keys) {
    if (*app == nullptr || key.app == (*app)->app().id) list.push_back(key_json(services, key));
  }
  co_return json_response(200, json::serialize(json::object{{"keys", std::move(list)}}));
}

Task<Outcome> rotate_key(Services& services, Call call) {
  const auto app = named_app(services, call);
  if (!app) co_return std::unexpected(app.error());
  const auto id = co_await services.engine.directory().rotate_data_key(*app);
  if (!id) co_return refuse(id.error());
  const json::object answer = {{"app", app_name(*services.directory(), *app)}, {"id", id->value()}};
  co_return json_response(200, json::serialize(answer));
}

Task<Outcome> reseal_keys(Services& services, Call call) {
  const auto app = named_app(services, call);
  if (!app) co_return std::unexpected(app.error());
  const auto progress = co_await services.engine.resealer().advance(*app);
  if (!progress) co_return refuse(progress.error());
  co_return json_response(200, json::serialize(progress_json(services, *app, *progress)));
}

Task<Outcome> forget_node(Services& services, Call call) {
  BodyReader body(call.request.body, kNodeField);
  NodeId node(body.text("node", Need::required));
  if (body.error()) co_return refuse(*body.error());
  const auto forgotten = co_await services.engine.directory().forget_node(std::move(node));
  if (!forgotten) co_return refuse(forgotten.error());
  co_return empty_response(204);
}

Task<Outcome> rewrap_keys(Services& services, Call call) {
  if (!is_local(call) || !services.options.rewrap) {
    co_return refuse("forbidden", "the master key is changed on the machine itself", "run keyfob keys rewrap there");
  }
  BodyReader body(call.request.body, kMasterField);
  std::string reference = body.text("master_key", Need::required);
  if (body.error()) co_return refuse(*body.error());
  const auto done = co_await services.options.rewrap(std::move(reference));
  if (!done) co_return refuse(done.error());
  const json::object answer = {{"rewrapped", done->keys}, {"master", done->fingerprint}, {"created", done->created}};
  co_return json_response(200, json::serialize(answer));
}

}  // namespace keyfob::api
