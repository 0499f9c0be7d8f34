#pragma once
// Strong identifiers: each kind of name is a type of its own, so a user can never be passed where a vehicle is meant.

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace keyfob {

template <class Kind>
class IdOf {
 public:
  IdOf() = default;
  explicit IdOf(std::string text) : text_(std::move(text)) {}
  explicit IdOf(std::string_view text) : text_(text) {}
  explicit IdOf(const char* text) : text_(text) {}

  [[nodiscard]] const std::string& str() const { return text_; }
  [[nodiscard]] std::string_view view() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }
  friend auto operator<=>(const IdOf&, const IdOf&) = default;

 private:
  std::string text_;
};

using AppId = IdOf<struct AppIdKind>;                    ///< ours, given at `app add`, never reused
using GrantId = IdOf<struct GrantIdKind>;                ///< ours
using UserId = IdOf<struct UserIdKind>;                  ///< the backend's own id of the vehicle owner
using ProviderUserId = IdOf<struct ProviderUserIdKind>;  ///< the provider's id of the owner (Smartcar user id)
using VehicleId = IdOf<struct VehicleIdKind>;            ///< the provider's id of the vehicle
using CallerId = IdOf<struct CallerIdKind>;              ///< ours: the public part of an API key
using NodeId = IdOf<struct NodeIdKind>;                  ///< one Keyfob process directory
using AttemptId = IdOf<struct AttemptIdKind>;            ///< one use of the wire
using RequestId = IdOf<struct RequestIdKind>;            ///< one request of a caller

template <class Kind>
class NumberOf {
 public:
  constexpr NumberOf() = default;
  constexpr explicit NumberOf(std::uint64_t value) : value_(value) {}
  [[nodiscard]] constexpr std::uint64_t value() const { return value_; }
  [[nodiscard]] constexpr NumberOf next() const { return NumberOf(value_ + 1); }
  friend constexpr auto operator<=>(const NumberOf&, const NumberOf&) = default;

 private:
  std::uint64_t value_ = 0;
};

using Generation = NumberOf<struct GenerationKind>;    ///< +1 with each stored pair
using Epoch = NumberOf<struct EpochKind>;              ///< +1 with each import, consent and revoke
using Incarnation = NumberOf<struct IncarnationKind>;  ///< +1 with each start of a node
using DataKeyId = NumberOf<struct DataKeyIdKind>;      ///< names one data key of one application; fits 32 bits

}  // namespace keyfob

template <class Kind>
struct std::hash<keyfob::IdOf<Kind>> {
  std::size_t operator()(const keyfob::IdOf<Kind>& id) const noexcept {
    return std::hash<std::string_view>{}(id.view());
  }
};
template <class Kind>
struct std::hash<keyfob::NumberOf<Kind>> {
  std::size_t operator()(const keyfob::NumberOf<Kind>& n) const noexcept {
    return std::hash<std::uint64_t>{}(n.value());
  }
};
