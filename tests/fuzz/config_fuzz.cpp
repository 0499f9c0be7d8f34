// fuzz: config

// keyfob.toml: read or refused with file and line; what is read keeps the promises that the rest relies on.

#include <algorithm>

#include "config/parse.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace keyfob;
using namespace keyfob::config;

void expect_sound(const Config& config) {
  CHECK(!config.server.listen.empty());
  for (const ListenAddress& address : config.server.listen) {
    CHECK(address.is_unix() || config.server.tls || is_loopback(address.host));
    CHECK(!address.is_unix() || address.unix_path.starts_with('/'));
  }
  CHECK(config.refresh.timeout > Milliseconds(0) && config.refresh.timeout < config.refresh.lease);
  CHECK(!config.store.url.empty() && !config.keys.master.empty() && !config.node.state_dir.empty());
  for (const ProviderConfig& provider : config.providers) {
    CHECK(!provider.name.empty());
    CHECK(provider.built_in || (provider.token_url && provider.reuse_window));
  }
}

}  // namespace

FUZZ(input) {
  const auto config = parse_config(input, "keyfob.toml", "/etc/keyfob");
  if (config) return expect_sound(*config);
  CHECK(config.error().code == ErrorCode::invalid_argument);
  CHECK(config.error().what.starts_with("keyfob.toml"));
  CHECK(std::ranges::none_of(config.error().what, [](unsigned char c) { return c < 0x20; }));
}
