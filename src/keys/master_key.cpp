#include "keys/master_key.hpp"

#include <utility>

#include "keys/key_file.hpp"
#include "keys/local_key.hpp"

namespace keyfob::keys {
namespace {

Result<Secret> read_environment(const std::string& name, const EnvironmentLookup& environment) {
  std::optional<Secret> text = environment(name);
  if (text) return std::move(*text);
  return fail(ErrorCode::not_found, "the environment variable " + name + " that holds the master key is not set");
}

std::unexpected<Error> no_such_reference(std::string_view scheme) {
  if (scheme == "pkcs11" || scheme == "exec") {
    return fail(ErrorCode::invalid_argument, std::string(scheme) + ": master keys are not built yet",
                "use file:PATH or env:NAME");
  }
  // The reference itself is not repeated: somebody may have put the key there.
  return fail(ErrorCode::invalid_argument, "the master key reference has no known kind", "use file:PATH or env:NAME");
}

Result<Secret> read_text(std::string_view reference, const EnvironmentLookup& environment) {
  const auto colon = reference.find(':');
  const std::string_view scheme = reference.substr(0, colon);
  const std::string rest(colon == std::string_view::npos ? std::string_view() : reference.substr(colon + 1));
  if (colon == std::string_view::npos || rest.empty()) return no_such_reference({});
  if (scheme == "file") return read_key_file(rest);
  if (scheme == "env") return read_environment(rest, environment);
  return no_such_reference(scheme);
}

}  // namespace

Result<std::unique_ptr<KeyProvider>> open_master_key(std::string_view reference, const EnvironmentLookup& environment) {
  const Result<Secret> text = read_text(reference, environment);
  if (!text) return fail(text.error());
  Result<std::unique_ptr<LocalKeyProvider>> provider = LocalKeyProvider::from_text(*text);
  if (provider) return std::move(*provider);
  Error error = std::move(provider.error());
  error.hint = "look at what " + std::string(reference) + " holds, put the right key there";
  return fail(std::move(error));
}

}  // namespace keyfob::keys
