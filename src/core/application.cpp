#include "core/application.hpp"

#include <array>
#include <utility>

namespace keyfob {
namespace {

constexpr std::array<std::pair<SecretPurpose, std::string_view>, 6> kPurposes = {{
    {SecretPurpose::client_secret, "client_secret"},
    {SecretPurpose::previous_client_secret, "previous_client_secret"},
    {SecretPurpose::management_token, "management_token"},
    {SecretPurpose::previous_management_token, "previous_management_token"},
    {SecretPurpose::v3_client_secret, "v3_client_secret"},
    {SecretPurpose::webhook_secret, "webhook_secret"},
}};

constexpr std::array<std::pair<Permission, std::string_view>, 7> kPermissions = {{
    {Permission::gateway, "gateway"},
    {Permission::token_read, "token:read"},
    {Permission::grant_read, "grant:read"},
    {Permission::grant_write, "grant:write"},
    {Permission::grant_revoke, "grant:revoke"},
    {Permission::management, "management"},
    {Permission::admin, "admin"},
}};

template <class Table, class Value>
std::string_view name_of(const Table& table, Value value) {
  for (const auto& [key, name] : table) {
    if (key == value) return name;
  }
  return "unknown";
}

template <class Value, class Table>
std::optional<Value> value_of(const Table& table, std::string_view name) {
  for (const auto& [key, text] : table) {
    if (text == name) return key;
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(SecretPurpose purpose) { return name_of(kPurposes, purpose); }
std::optional<SecretPurpose> secret_purpose_from(std::string_view name) {
  return value_of<SecretPurpose>(kPurposes, name);
}
std::string_view to_string(Permission permission) { return name_of(kPermissions, permission); }
std::optional<Permission> permission_from(std::string_view name) { return value_of<Permission>(kPermissions, name); }

}  // namespace keyfob
