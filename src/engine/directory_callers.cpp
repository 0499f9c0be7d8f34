// The part of the Directory that deals with callers.
#include <algorithm>

#include "core/api_key.hpp"
#include "core/limits.hpp"
#include "crypto/hash.hpp"
#include "engine/directory.hpp"
#include "engine/random_id.hpp"

namespace keyfob::engine {
namespace {

constexpr std::size_t kCallerIdLength = 12;

Result<void> check(const NewCaller& caller, const DirectorySnapshot& directory) {
  if (caller.name.empty() || caller.name.size() > limits::kName) {
    return fail(ErrorCode::invalid_argument, "name: must be 1 to 64 characters");
  }
  if (caller.permissions.empty()) return fail(ErrorCode::invalid_argument, "permissions: a caller needs at least one");
  const bool admin = std::ranges::find(caller.permissions, Permission::admin) != caller.permissions.end();
  if (caller.app.empty() && !admin)
    return fail(ErrorCode::invalid_argument, "app: only an admin caller may be without one");
  if (!caller.app.empty() && !directory.find(caller.app)) return fail(ErrorCode::not_found, "no such application");
  const bool taken =
      std::ranges::any_of(directory.callers, [&](const CallerRecord& c) { return c.caller.name == caller.name; });
  if (taken) {
    return fail(ErrorCode::conflict, "a caller named " + caller.name + " exists",
                "keyfob caller rotate " + caller.name + " gives it a new key");
  }
  return {};
}

Bytes hash_of(const Secret& api_key) {
  const auto parts = parse_api_key(reveal_secret(api_key));
  const crypto::Digest digest = crypto::sha256(as_bytes(parts ? parts->secret : std::string_view()));
  return {digest.begin(), digest.end()};
}

}  // namespace

Result<Secret> Directory::new_api_key(const CallerId& id) {
  std::array<std::uint8_t, kApiKeySecretBytes> random{};
  ports_.random.fill(random);
  auto key = make_api_key(id, random);
  wipe(random.data(), random.size());
  if (!key) return fail(ErrorCode::internal, "an API key could not be made");
  return std::move(*key);
}

Task<Result<IssuedCaller>> Directory::issue(CallerRecord record, Secret api_key) {
  IssuedCaller issued{record.caller, std::move(api_key)};
  const Result<void> put = co_await ports_.callers.put_caller(std::move(record));
  if (!put) co_return fail(put.error());
  const Result<void> loaded = co_await load();
  if (!loaded) co_return fail(loaded.error());
  co_return issued;
}

Task<Result<IssuedCaller>> Directory::add_caller(NewCaller caller) {
  if (auto good = check(caller, *snapshot()); !good) co_return fail(good.error());
  CallerRecord record;
  record.caller.id = CallerId(random_id(ports_.random, kCallerIdLength));
  record.caller.name = std::move(caller.name);
  record.caller.app = std::move(caller.app);
  record.caller.permissions = std::move(caller.permissions);
  record.caller.users = std::move(caller.users);
  record.caller.routes = std::move(caller.routes);
  record.caller.expires_at = caller.expires_at;
  record.caller.created_at = record.caller.updated_at = ports_.clock.wall();
  auto key = new_api_key(record.caller.id);
  if (!key) co_return fail(key.error());
  record.secret_hash = hash_of(*key);
  Result<IssuedCaller> issued = co_await issue(std::move(record), std::move(*key));
  co_return issued;
}

Result<CallerRecord> Directory::caller_record(const CallerId& id) const {
  const auto directory = snapshot();
  const auto it = std::ranges::find_if(directory->callers, [&](const CallerRecord& c) { return c.caller.id == id; });
  if (it == directory->callers.end()) return fail(ErrorCode::not_found, "no such caller");
  return *it;
}

Task<Result<IssuedCaller>> Directory::rotate_caller(CallerId caller, Milliseconds overlap) {
  auto record = caller_record(caller);
  if (!record) co_return fail(record.error());
  auto key = new_api_key(caller);
  if (!key) co_return fail(key.error());
  const WallTime now = ports_.clock.wall();
  record->previous_secret_hash = record->secret_hash;
  record->previous_until = now + overlap;
  record->secret_hash = hash_of(*key);
  record->caller.updated_at = now;
  Result<IssuedCaller> issued = co_await issue(std::move(*record), std::move(*key));
  co_return issued;
}

Task<Result<Caller>> Directory::disable_caller(CallerId caller) {
  auto record = caller_record(caller);
  if (!record) co_return fail(record.error());
  record->caller.disabled = true;
  record->caller.updated_at = ports_.clock.wall();
  const Caller disabled = record->caller;
  const Result<void> put = co_await ports_.callers.put_caller(std::move(*record));
  if (!put) co_return fail(put.error());
  const Result<void> loaded = co_await load();
  if (!loaded) co_return fail(loaded.error());
  co_return disabled;
}

}  // namespace keyfob::engine
