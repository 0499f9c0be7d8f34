#pragma once
// Permissions of the v2 API, and the set of them that a grant holds.

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace keyfob::sim {

/// Every permission of the v2 API.
[[nodiscard]] const std::vector<std::string>& all_permissions();

/// An immutable set of permissions. Copies share it, so that a million grants of everything cost one set.
class Scopes {
 public:
  /// Everything.
  Scopes();
  explicit Scopes(const std::vector<std::string>& permissions);

  [[nodiscard]] bool contains(std::string_view permission) const { return set_->contains(permission); }
  [[nodiscard]] auto begin() const { return set_->begin(); }
  [[nodiscard]] auto end() const { return set_->end(); }
  [[nodiscard]] std::size_t size() const { return set_->size(); }

 private:
  using Set = std::set<std::string, std::less<>>;
  std::shared_ptr<const Set> set_;
};

/// "required:read_vin read_odometer" -> {read_odometer, read_vin}; empty: everything.
[[nodiscard]] Scopes parse_scope(std::string_view scope);

}  // namespace keyfob::sim
