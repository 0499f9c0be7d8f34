#include "store/sqlite/grant_keys.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <iterator>

namespace keyfob::sqlite {
namespace {

constexpr char kAdd[] = "INSERT INTO grant_keys (key, number) VALUES (?, ?) ON CONFLICT DO NOTHING";
constexpr char kDrop[] = "DELETE FROM grant_keys WHERE key = ? AND number = ?";

constexpr std::string_view kUser = "user";
constexpr std::string_view kVehicle = "vehicle";

// FNV-1a, with the last steps of MurmurHash3, which spread keys over the whole index. Files keep these numbers.
constexpr std::uint64_t kFirst = 0xcbf29ce484222325;
constexpr std::uint64_t kPrime = 0x00000100000001b3;

std::uint64_t add_text(std::uint64_t hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
  return hash * kPrime;  // an end, so that ("ab", "c") is not ("a", "bc")
}

GrantKey key_of(std::string_view kind, std::string_view app, std::string_view text) {
  std::uint64_t hash = add_text(add_text(add_text(kFirst, text), app), kind);
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
  return static_cast<GrantKey>(hash ^ (hash >> 33));
}

std::string_view text_of(sqlite3_value* value) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  return text == nullptr ? std::string_view()
                         : std::string_view(text, static_cast<std::size_t>(sqlite3_value_bytes(value)));
}

void grant_key(sqlite3_context* context, int /*count*/, sqlite3_value** values) {
  const GrantKey key = key_of(text_of(values[0]), text_of(values[1]), text_of(values[2]));
  sqlite3_result_int64(context, static_cast<std::int64_t>(key));
}

}  // namespace

GrantKey key_of(const AppId& app, const UserId& user) { return key_of(kUser, app.view(), user.view()); }

GrantKey key_of(const AppId& app, const VehicleId& vehicle) { return key_of(kVehicle, app.view(), vehicle.view()); }

std::vector<GrantKey> keys_of(const Grant& grant) {
  std::vector<GrantKey> keys;
  keys.reserve(grant.vehicles.size() + 1);
  keys.push_back(key_of(grant.app, grant.user));
  for (const auto& vehicle : grant.vehicles) keys.push_back(key_of(grant.app, vehicle));
  std::ranges::sort(keys);
  const auto repeated = std::ranges::unique(keys);
  keys.erase(repeated.begin(), repeated.end());
  return keys;
}

void add_keys(Connection& connection, std::int64_t number, const std::vector<GrantKey>& keys) {
  for (const GrantKey key : keys) connection.query(kAdd).with(key, number).run();
}

void replace_keys(Connection& connection, std::int64_t number, const std::vector<GrantKey>& before,
                  const std::vector<GrantKey>& after) {
  std::vector<GrantKey> gone;
  std::ranges::set_difference(before, after, std::back_inserter(gone));
  for (const GrantKey key : gone) connection.query(kDrop).with(key, number).run();
  add_keys(connection, number, after);
}

void add_key_function(Connection& connection) {
  constexpr int kFlags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
  const int code = sqlite3_create_function_v2(connection.native(), "grant_key", 3, kFlags, nullptr, grant_key, nullptr,
                                              nullptr, nullptr);
  if (code != SQLITE_OK) connection.record_failure(code);
}

}  // namespace keyfob::sqlite
