#include "web/sim.hpp"

namespace keyfob::sim {
namespace {

WallTime system_now() {
  return std::chrono::time_point_cast<Milliseconds>(
      WallTime(std::chrono::duration_cast<Milliseconds>(std::chrono::system_clock::now().time_since_epoch())));
}

}  // namespace

WallTime SimClock::now() const { return (manual_ ? start_ : system_now()) + shift_; }

Sim::Sim(SimOptions options_in)
    : options(std::move(options_in)),
      clock(options.manual_clock, system_now()),
      bucket(options.rate_limit, options.refill_per_minute),
      request_ids(options.seed + 1) {
  reset();
}

void Sim::reset() {
  world = std::make_unique<World>(options.settings, options.seed);
  for (const Client& client : options.clients) world->clients.put(client.id) = client;
  world->owners.add("", options.vehicles, clock.now());
  bucket = Bucket(options.rate_limit, options.refill_per_minute);
  log.clear();
  meter = {};
  ++life;
}

std::string Call::parameter(std::string_view name) const { return http::form_value(query, name).value_or(""); }

}  // namespace keyfob::sim
