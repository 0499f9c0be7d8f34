// 03_own_store: Keyfob inside this process over a store of your own (journal.hpp), against the simulator.
//
//   KEYFOB_ACCESS_TOKEN=... KEYFOB_REFRESH_TOKEN=... 03_own_store kf rows.journal http://127.0.0.1:7421 ann
//
// Takes over a pair, rotates it, meets a store that is full, and goes on in a "new process" that has nothing but the
// journal and the master key.

#include <keyfob/broker.hpp>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include "journal.hpp"

namespace {

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

keyfob::Broker open(const std::string& directory, const std::string& simulator, std::shared_ptr<Journal> journal) {
  keyfob::BrokerConfig config{.directory = directory, .create = true};
  config.settings = "[providers.smartcar]\nall_origins = \"" + simulator + "\"\n";
  config.store = std::move(journal);
  return or_die(keyfob::Broker::open(config), "opening the broker");
}

keyfob::SecretText secret(const char* name) {
  const char* text = std::getenv(name);
  return keyfob::SecretText(text == nullptr ? "" : text);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: 03_own_store DIRECTORY JOURNAL SIMULATOR_URL USER\n";
    return 2;
  }
  const std::string directory = argv[1];
  const std::string user = argv[4];
  std::string grant;
  {
    auto journal = std::make_shared<Journal>(argv[2]);
    keyfob::Broker broker = open(directory, argv[3], journal);
    or_die(broker.put_application({.name = "fleet",
                                   .client_id = "my-app",
                                   .client_secret = keyfob::SecretText("my-secret"),
                                   .redirect_uri = "http://127.0.0.1:9/callback"}),
           "adding the application");
    keyfob::Pair pair{.user = user,
                      .access_token = secret("KEYFOB_ACCESS_TOKEN"),
                      .refresh_token = secret("KEYFOB_REFRESH_TOKEN"),
                      .expires_in = std::chrono::hours(2)};
    grant = or_die(broker.import("fleet", std::move(pair)), "taking over a pair").id;
    std::cout << "generation " << or_die(broker.refresh("fleet", grant), "refreshing").generation << '\n';

    journal->full = true;
    const auto refused = broker.refresh("fleet", grant);
    std::cout << "a full journal: " << (refused ? "refreshed" : std::string(to_string(refused.error().reason))) << '\n';
    journal->full = false;
    std::cout << "generation " << or_die(broker.refresh("fleet", grant), "refreshing again").generation << '\n';
  }

  // Another machine: the journal and the master key, and nothing else of what the first one had.
  const std::string elsewhere = directory + "-elsewhere";
  std::filesystem::create_directory(elsewhere);
  std::filesystem::permissions(elsewhere, std::filesystem::perms::owner_all);
  std::filesystem::copy(directory + "/keyfob.key", elsewhere + "/keyfob.key");
  std::filesystem::copy(directory + "/keyfob.toml", elsewhere + "/keyfob.toml");
  keyfob::Broker broker = open(elsewhere, argv[3], std::make_shared<Journal>(argv[2]));
  const auto token = or_die(broker.token({.app = "fleet", .user = user}), "asking for the token elsewhere");
  std::cout << "elsewhere: the same grant " << (token.grant == grant ? "yes" : "no") << ", generation "
            << or_die(broker.refresh("fleet", grant), "refreshing elsewhere").generation << '\n';
}
