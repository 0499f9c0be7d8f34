#include "testing/world.hpp"

#include <stdexcept>

#include "vault/pair.hpp"

namespace keyfob::testing {
namespace {

ProviderProfile smartcar() {
  ProviderProfile p;
  p.name = "smartcar";
  p.authorize_url = "https://connect.example/oauth/authorize";
  p.token_url = "https://auth.example/oauth/token";
  p.revoke.vehicle_url = "https://api.example/v2.0/vehicles/{vehicle}/application";
  p.identity.user_url = "https://api.example/v2.0/user";
  p.late_reuse = true;
  return p;
}

}  // namespace

World::World() : profile(smartcar()) { start(); }

World::~World() { crash(); }

void World::start() {
  engine::EnginePorts ports{
      reads, refreshes, store, store, store,  store, store,  store,  store,   store,
      store, idp,       idp,   spool, master, clock, random, events, metrics, {&store, &store, &store, other_masters}};
  const NodeIdentity node{NodeId("node-1"), Incarnation(++incarnation_)};
  engine::Directory::Profiles profiles;
  profiles.emplace(profile.name, std::make_shared<const ProviderProfile>(profile));
  node_context = std::make_unique<asio::io_context>();
  engine = std::make_unique<engine::Engine>(node_context->get_executor(), ports, config, node, std::move(profiles));
  const Result<void> started = run(engine->start());
  if (!started) throw std::runtime_error(started.error().what);
}

/// The engine's objects go first: their timers need the context. Frames that were under way go with the context and
/// touch nothing.
void World::crash() {
  engine.reset();
  node_context.reset();
}

void World::restart() {
  crash();
  spool.crash();
  start();
}

bool World::poll() {
  context.restart();
  node_context->restart();
  const std::size_t handlers = context.poll() + node_context->poll();
  return handlers > 0;
}

bool World::step() {
  if (poll()) return true;
  const auto next = clock.next_wake();
  if (!next) return false;
  clock.advance(std::max(Milliseconds(0), *next - clock.boot()));
  return true;
}

void World::run_until(const std::function<bool()>& done, Milliseconds at_most) {
  const BootTime end = clock.boot() + at_most;
  while (!done()) {
    if (clock.boot() > end) throw std::runtime_error("the world did not get there in time");
    if (!step()) throw std::runtime_error("nothing is left to happen");
  }
}

void World::pass(Milliseconds d) {
  const BootTime end = clock.boot() + d;
  while (clock.boot() < end) {
    if (poll()) continue;
    const auto next = clock.next_wake();
    clock.advance(next && *next < end ? std::max(Milliseconds(0), *next - clock.boot()) : end - clock.boot());
  }
  poll();
}

AppId World::add_app(const std::string& name) {
  engine::ApplicationEdit edit;
  edit.client_id = "client-" + name;
  edit.client_secret = ClientSecret("secret");
  edit.redirect_uri = "https://keyfob.example/connect/callback";
  edit.return_to = std::vector<std::string>{"https://app.example/done"};
  const Result<Application> added = run(engine->directory().add_application(name, std::move(edit)));
  if (!added) throw std::runtime_error(added.error().what);
  app = added->id;
  return app;
}

Grant World::import(const std::string& user, const std::string& vehicle, Milliseconds expires_in) {
  engine::NewGrant grant;
  grant.user = UserId(user);
  grant.vehicles = {VehicleId(vehicle)};
  grant.pair = idp.issue(user);
  grant.expires_in = expires_in;
  const auto imported = run(engine->grants().import_one(app, std::move(grant)));
  if (!imported) throw std::runtime_error(imported.error().what);
  return imported->grant;
}

std::expected<GrantToken, TokenFailure> World::get(const std::string& vehicle, Milliseconds patience) {
  return run(engine->get(app, "", vehicle, patience));
}

GrantRecord World::stored(const Grant& grant) {
  const Result<GrantRecord> record = run(store.load({grant.app, grant.id}));
  if (!record) throw std::runtime_error(record.error().what);
  return *record;
}

std::string World::stored_refresh_token(const Grant& grant) {
  const GrantRecord record = stored(grant);
  const auto token = vault::open_refresh(*engine->directory().snapshot()->keyring, vault::binding_of(record.grant),
                                         record.sealed.refresh);
  if (!token) throw std::runtime_error(token.error().what);
  return std::string(reveal_secret(*token));
}

}  // namespace keyfob::testing
