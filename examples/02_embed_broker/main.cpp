// 02_embed_broker: Keyfob inside this process, with SQLite and no daemon, against the simulator.
//
//   smartcar-sim --listen 127.0.0.1:7421 &
//   02_embed_broker kf http://127.0.0.1:7421
//
// Begins a consent, says yes as the owner would in a browser, asks for the token from many threads, rotates and
// revokes.

#include <keyfob/broker.hpp>

#include <cstdlib>
#include <iostream>
#include <regex>
#include <string>
#include <thread>
#include <vector>

namespace {

/// Prints what went wrong and ends; a real service would look at `reason`.
template <class T>
T or_die(keyfob::Expected<T> answer, const char* doing) {
  if (answer) {
    if constexpr (!std::is_void_v<T>)
      return std::move(*answer);
    else
      return;
  }
  std::cerr << doing << ": " << to_string(answer.error().reason) << ": " << answer.error().what << '\n';
  std::exit(1);
}

/// The value of one parameter of a URL's query. What a browser is sent to holds nothing that needs decoding here.
std::string parameter(const std::string& url, const std::string& name) {
  std::smatch found;
  return std::regex_search(url, found, std::regex("[?&]" + name + "=([^&]*)")) ? found[1].str() : std::string();
}

/// The owner: follows the consent URL with curl and reports where the provider sent the browser.
std::string visit(const std::string& url) {
  FILE* curl = popen(("curl -s -o /dev/null -w '%{redirect_url}' '" + url + "'").c_str(), "r");
  std::string where;
  for (int c = curl == nullptr ? EOF : std::fgetc(curl); c != EOF; c = std::fgetc(curl)) where += static_cast<char>(c);
  if (curl != nullptr) pclose(curl);
  return where;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: 02_embed_broker DIRECTORY SIMULATOR_URL\n";
    return 2;
  }
  const std::string directory = argv[1];
  const std::string simulator = argv[2];

  keyfob::BrokerConfig config{.directory = directory, .create = true};
  config.settings = "[providers.smartcar]\nall_origins = \"" + simulator + "\"\n";
  config.on_event = [](const keyfob::BrokerEvent& event) { std::cerr << "event: " << event.name << '\n'; };
  keyfob::Broker broker = or_die(keyfob::Broker::open(config), "opening the broker");

  or_die(broker.put_application({.name = "fleet",
                                 .client_id = "my-app",
                                 .client_secret = keyfob::SecretText("my-secret"),
                                 .redirect_uri = "http://127.0.0.1:9/callback"}),
         "adding the application");

  const auto consent = or_die(broker.connect_url("fleet", "ann"), "beginning a consent");
  const std::string callback = visit(consent.url);
  const auto grant = or_die(broker.finish_consent({.code = keyfob::SecretText(parameter(callback, "code")),
                                                   .state = parameter(callback, "state")}),
                            "finishing the consent");
  std::cout << grant.user << " connected " << grant.vehicles.size() << " vehicle(s)\n";

  // From any thread, as often as there are calls to make.
  std::vector<std::jthread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&broker] { or_die(broker.token({.app = "fleet", .user = "ann"}), "asking for a token"); });
  }
  callers.clear();

  const auto refreshed = or_die(broker.refresh("fleet", grant.id), "refreshing");
  std::cout << "generation " << grant.generation << " became " << refreshed.generation << '\n';
  const auto again = broker.finish_consent({.code = keyfob::SecretText("x"), .state = consent.state});
  std::cout << "a used state is " << (again ? "accepted" : std::string(to_string(again.error().reason))) << '\n';
  or_die(broker.revoke("fleet", grant.id), "revoking");
  const auto gone = broker.token({.app = "fleet", .user = "ann"});
  std::cout << "after the revocation: " << (gone ? "a token" : std::string(to_string(gone.error().reason))) << '\n';
}
