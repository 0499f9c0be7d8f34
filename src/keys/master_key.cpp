#include "keys/master_key.hpp"

#include <utility>

#include "keys/key_file.hpp"
#include "keys/local_key.hpp"
#include "keys/pkcs11_key.hpp"
#include "keys/program_key.hpp"

namespace keyfob::keys {
namespace {

Result<Secret> read_environment(const std::string& name, const EnvironmentLookup& environment) {
  std::optional<Secret> text = environment(name);
  if (text) return std::move(*text);
  return fail(ErrorCode::not_found, "the environment variable " + name + " that holds the master key is not set");
}

/// The reference itself is not repeated: somebody may have put the key there.
std::unexpected<Error> no_such_reference() {
  return fail(ErrorCode::invalid_argument, "the master key reference has no known kind",
              "use file:PATH, env:NAME, credential:NAME, exec:PROGRAM or pkcs11:...");
}

/// systemd's credentials: a file that it mounted for this service alone, named by the environment.
Result<Secret> read_credential(const std::string& name, const EnvironmentLookup& environment) {
  const std::optional<Secret> directory = environment("CREDENTIALS_DIRECTORY");
  if (!directory || name.find('/') != std::string::npos) {
    return fail(ErrorCode::not_found, "there is no systemd credential " + name,
                "LoadCredential=" + name + ":/path in the service's unit");
  }
  return read_credential_file(std::string(reveal_secret(*directory)) + "/" + name);
}

Result<std::unique_ptr<KeyProvider>> open_local(const std::string& reference, const Result<Secret>& text) {
  if (!text) return fail(text.error());
  Result<std::unique_ptr<LocalKeyProvider>> provider = LocalKeyProvider::from_text(*text);
  if (provider) return std::move(*provider);
  Error error = std::move(provider.error());
  error.hint = "look at what " + reference + " holds, put the right key there";
  return fail(std::move(error));
}

template <class Provider>
Result<std::unique_ptr<KeyProvider>> as_key_provider(Result<std::unique_ptr<Provider>> opened) {
  if (!opened) return fail(std::move(opened.error()));
  return std::move(*opened);
}

}  // namespace

Result<std::unique_ptr<KeyProvider>> open_master_key(std::string_view reference, const EnvironmentLookup& environment) {
  const auto colon = reference.find(':');
  const std::string_view scheme = reference.substr(0, colon);
  const std::string rest(colon == std::string_view::npos ? std::string_view() : reference.substr(colon + 1));
  if (rest.empty()) return no_such_reference();
  const std::string whole(reference);
  if (scheme == "file") return open_local(whole, read_key_file(rest));
  if (scheme == "env") return open_local(whole, read_environment(rest, environment));
  if (scheme == "credential") return open_local(whole, read_credential(rest, environment));
  if (scheme == "exec") return as_key_provider(ProgramKeyProvider::open(rest));
  if (scheme != "pkcs11") return no_such_reference();
  const Result<Pkcs11Uri> uri = parse_pkcs11_uri(reference);
  if (!uri) return fail(uri.error());
  return as_key_provider(Pkcs11KeyProvider::open(*uri));
}

}  // namespace keyfob::keys
