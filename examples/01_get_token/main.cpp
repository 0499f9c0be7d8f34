// 01_get_token: a service asks a running daemon for the current token of an owner's vehicle.
//
//   KEYFOB_API_KEY=kf_... 01_get_token http://127.0.0.1:7420 ann
//
// The token itself is put into an Authorization header by a real service; here only its life is printed.

#include <keyfob/client.hpp>

#include <chrono>
#include <cstdlib>
#include <iostream>

int main(int argc, char** argv) {
  const char* key = std::getenv("KEYFOB_API_KEY");
  if (argc != 3 || key == nullptr) {
    std::cerr << "usage: KEYFOB_API_KEY=kf_... 01_get_token URL USER\n";
    return 2;
  }
  auto client = keyfob::Client::open({.url = argv[1], .api_key = keyfob::SecretText(key)});
  if (!client) {
    std::cerr << client.error().what << '\n';
    return 1;
  }
  const auto token = client->token({.user = argv[2]});
  if (!token) {
    std::cerr << to_string(token.error().reason) << ": " << token.error().what << '\n';
    return token.error().reason == keyfob::Reason::needs_consent ? 3 : 1;
  }
  const auto left =
      std::chrono::duration_cast<std::chrono::minutes>(token->expires_at - std::chrono::system_clock::now());
  std::cout << "a token of " << token->value.reveal().size() << " characters for " << token->vehicles.size()
            << " vehicle(s) of " << token->user << ", good for " << left.count() << " minutes\n";
}
