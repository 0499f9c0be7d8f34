// The providers: whether they answer, what time they have, and where they send browsers back to.
#include <fmt/format.h>
#include <time.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <map>
#include <set>

#include "apps/keyfob/doctor.hpp"
#include "apps/keyfob/event_thread.hpp"
#include "apps/keyfob/json_view.hpp"
#include "apps/keyfob/profiles.hpp"
#include "apps/keyfob/system_clock.hpp"
#include "base/url.hpp"
#include "http/client.hpp"

namespace keyfob::cli {
namespace {

constexpr Milliseconds kPatience = seconds(10);
constexpr Milliseconds kFarOff = seconds(60);
constexpr std::string_view kCallback = "/connect/callback";

http::ClientOutcome ask(const config::UpstreamConfig& upstream, const std::string& origin) {
  http::ClientConfig config;
  config.ca_file = upstream.ca_file;
  config.proxy = upstream.proxy;
  node::SystemClock clock;
  auto client = http::Client::create(std::move(config), [&clock] { return clock.boot(); });
  if (!client) return std::unexpected(http::ClientFailure{false, client.error().code, client.error().what});
  node::EventThread thread;
  http::ClientRequest request;
  request.origin = origin;
  request.target = wiped_string("/");
  const BootTime until = clock.boot() + kPatience;
  auto outcome = thread.wait_for(client->exchange(std::move(request), {until, until}));
  thread.stop();
  return outcome;
}

Finding unreachable(const std::string& provider, const std::string& origin, const std::string& why) {
  return {"provider", Health::problem, fmt::format("{} does not answer at {}: {}", provider, origin, why),
          "no token can be refreshed while its provider cannot be reached; callers get 503 once their tokens end",
          "check name resolution, firewall, [upstream] proxy and ca_file from this machine"};
}

Finding compare_clock(const std::string& origin, const std::string& date, WallTime now) {
  const auto theirs = http_date(date);
  if (!theirs) return {"clock", Health::skipped, origin + " does not say what time it has"};
  const auto off = std::chrono::duration_cast<seconds>(now - *theirs);
  if (std::chrono::abs(off) <= kFarOff)
    return {"clock", Health::ok, fmt::format("within {} s of {}", std::chrono::abs(off).count(), origin)};
  return {"clock", Health::problem,
          fmt::format("this machine's clock is {} s {} {}'s", std::chrono::abs(off).count(),
                      off.count() > 0 ? "ahead of" : "behind", origin),
          "expiries are judged by this clock: a slow one hands out dead tokens, a fast one refreshes for nothing, and "
          "TLS certificates may seem invalid",
          "set it right and keep it so: timedatectl set-ntp true"};
}

std::vector<Finding> examine_provider(const config::Config& config, const std::string& name,
                                      const ProviderProfile& profile) {
  const auto url = split_url(profile.token_url);
  if (!url) return {{"provider", Health::skipped, name + " has no token URL"}};
  const std::string origin(url->origin);
  const auto answer = ask(config.upstream, origin);
  const WallTime now = node::SystemClock().wall();
  if (!answer) return {unreachable(name, origin, answer.error().what)};
  const auto date = http::find_header(answer->headers, "date");
  return {{"provider", Health::ok, fmt::format("{} answers at {}", name, origin)},
          compare_clock(origin, date ? std::string(*date) : std::string(), now)};
}

}  // namespace

std::optional<WallTime> http_date(const std::string& text) {
  tm parts{};
  const char* end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return from_unix_ms(static_cast<std::int64_t>(::timegm(&parts)) * 1000);
}

std::vector<Finding> examine_providers(const config::Config& config, const Symptoms& symptoms) {
  std::set<std::string> used;
  for (const auto* app : elements_of(symptoms.apps, "apps")) used.insert(text_of(*app, "provider"));
  if (used.empty()) return {{"provider", Health::skipped, "there is no application yet"}};
  const auto profiles = node::make_profiles(config);
  if (!profiles) return {{"provider", Health::problem, profiles.error().what, "", profiles.error().hint}};
  std::vector<Finding> out;
  for (const auto& name : used) {
    const auto profile = profiles->find(name);
    if (profile == profiles->end()) {
      out.push_back({"provider", Health::problem, fmt::format("an application names the provider {}", name),
                     "the configuration has no such provider, so its grants cannot be refreshed",
                     fmt::format("write [providers.{}], or `keyfob app set NAME --provider ...`", name)});
      continue;
    }
    for (auto& finding : examine_provider(config, name, profile->second)) out.push_back(std::move(finding));
  }
  return out;
}

Finding examine_redirects(const config::Config& config, const Symptoms& symptoms) {
  const std::string& base = config.server.public_url;
  for (const auto* app : elements_of(symptoms.apps, "apps")) {
    const std::string uri = text_of(*app, "redirect_uri");
    const std::string name = text_of(*app, "name");
    if (uri.empty()) continue;
    const std::string wanted = base.empty() ? std::string() : base + std::string(kCallback);
    const auto url = split_url(uri);
    const bool to_callback = url && url->target.substr(0, url->target.find('?')) == kCallback;
    if (wanted.empty() ? to_callback : uri == wanted) continue;
    return {"redirect_uri", Health::problem,
            fmt::format("{} sends browsers back to {}, but Keyfob answers at {}", name, uri,
                        wanted.empty() ? "/connect/callback" : wanted),
            "owners who consent end on a page that does not know them, and their consent is lost",
            fmt::format("keyfob app set {} --redirect-uri {}, and register the same with the provider; or correct "
                        "[server] public_url",
                        name, wanted.empty() ? "https://HOST/connect/callback" : wanted)};
  }
  return {"redirect_uri", Health::ok, "browsers come back to /connect/callback"};
}

}  // namespace keyfob::cli
