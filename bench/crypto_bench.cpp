// What sealing costs: XAES-256-GCM by itself, and through the vault as the gateway does it.
#include <benchmark/benchmark.h>

#include <array>

#include "crypto/xaes.hpp"
#include "vault/association.hpp"
#include "vault/keyring.hpp"
#include "vault/pair.hpp"

namespace keyfob {
namespace {

constexpr std::string_view kToken = "11111111-2222-3333-4444-555555555555";
constexpr std::string_view kAad =
    "about as many bytes as the associated data of a sealed access token has, ids included";

crypto::XaesKey a_key() { return crypto::XaesKey::from_bytes(Bytes(crypto::kXaesKeySize, 1)).value(); }

void xaes_seal_36_bytes(benchmark::State& state) {
  const crypto::XaesKey key = a_key();
  const crypto::XaesNonce nonce{};
  std::array<std::uint8_t, kToken.size() + crypto::kXaesTagSize> out{};
  for (auto _ : state) {
    key.seal_into(nonce, as_bytes(kAad), as_bytes(kToken), out);
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(xaes_seal_36_bytes);

void xaes_open_36_bytes(benchmark::State& state) {
  const crypto::XaesKey key = a_key();
  const crypto::XaesNonce nonce{};
  const Bytes sealed = key.seal(nonce, as_bytes(kAad), as_bytes(kToken));
  std::array<std::uint8_t, kToken.size()> out{};
  for (auto _ : state) {
    if (!key.open_into(nonce, as_bytes(kAad), sealed, out)) state.SkipWithError("does not open");
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(xaes_open_36_bytes)->ThreadRange(1, 2)->UseRealTime();

/// A keyring of state.range(0) applications, one grant of one of them.
struct World {
  explicit World(std::int64_t apps) {
    std::vector<vault::KeyMaterial> keys;
    for (std::int64_t i = 0; i < apps; ++i) {
      keys.push_back({AppId("app_" + std::to_string(i)), DataKeyId(1), true, Secret(std::string(32, 'k'))});
    }
    keyring = vault::Keyring::empty()->with(keys).value();
    const vault::PairNonces nonces{};
    sealed = vault::seal_pair(*keyring, binding, {AccessToken(kToken), RefreshToken(kToken)}, nonces).value();
  }
  AppId app{"app_0"};
  GrantId grant{"grt_0123456789abcdef"};
  vault::PairBinding binding{app, grant.view(), {Generation(7), Epoch(2)}};
  vault::KeyringPtr keyring;
  SealedPair sealed;
};

void vault_open_access_into(benchmark::State& state) {
  const World world(state.range(0));
  std::array<char, kToken.size()> out{};
  for (auto _ : state) {
    if (!vault::open_access_into(*world.keyring, world.binding, world.sealed.access, out)) {
      state.SkipWithError("does not open");
    }
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(vault_open_access_into)->Arg(1)->Arg(1000);

void vault_seal_pair(benchmark::State& state) {
  const World world(1);
  const vault::PairNonces nonces{};
  const TokenPair pair{AccessToken(kToken), RefreshToken(kToken)};
  for (auto _ : state) benchmark::DoNotOptimize(vault::seal_pair(*world.keyring, world.binding, pair, nonces));
}
BENCHMARK(vault_seal_pair);

void vault_verify_association(benchmark::State& state) {
  const World world(1);
  const Association association{world.app,
                                world.grant,
                                UserId("user-42"),
                                ProviderUserId("owner-9"),
                                {VehicleId("36ab27d0-fd9d-4455-823a-ce30af709ffc")},
                                Epoch(2)};
  const Bytes mac = vault::association_mac(*world.keyring, association).value();
  for (auto _ : state) {
    if (!vault::verify_association(*world.keyring, association, mac)) state.SkipWithError("does not verify");
  }
}
BENCHMARK(vault_verify_association);

}  // namespace
}  // namespace keyfob

BENCHMARK_MAIN();
