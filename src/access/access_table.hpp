#pragma once
// AccessTable: every API key of this installation, ready to be looked up.

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/time.hpp"
#include "crypto/hash.hpp"
#include "ports/access_facts.hpp"
#include "ports/gatekeeper.hpp"

namespace keyfob::access {

/// Immutable; any thread. Disabled callers, callers of an application that is not there, and callers without a
/// permission are not in it at all.
class AccessTable {
 public:
  AccessTable() = default;
  explicit AccessTable(const AccessFacts& facts);

  /// The admission that belongs to a key of the form of core/api_key.hpp, or null: unknown, wrong, expired, disabled
  /// and ill-formed keys look alike. One SHA-256 and one constant-time comparison whichever it is, except for text that
  /// is no key at all. During a rotation both keys work; the old one's admission expires with it.
  [[nodiscard]] std::shared_ptr<const Admission> find(std::string_view api_key, WallTime now) const;

  /// The caller of this name, whose connection has proven who it is; null as above.
  [[nodiscard]] std::shared_ptr<const Admission> find_named(std::string_view name, WallTime now) const;

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Key {
    crypto::Digest hash{};
    std::shared_ptr<const Admission> admission;  // null: there is no such key
  };
  struct Entry {
    Key current;
    Key previous;
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };
  static Entry entry_of(const CallerRecord& record, const AppFacts& app);

  std::unordered_map<std::string, Entry, TextHash, std::equal_to<>> entries_;
  std::unordered_map<std::string, std::shared_ptr<const Admission>, TextHash, std::equal_to<>> by_name_;
};

/// What the operator at the machine itself may do: everything, in every application.
[[nodiscard]] std::shared_ptr<const Admission> admin_admission(std::string name);

}  // namespace keyfob::access
