#pragma once
// What the v3 routes share: who a call speaks for, errors, pages.

#include <expected>
#include <string>
#include <string_view>

#include "web/json.hpp"
#include "web/paging.hpp"
#include "web/sim.hpp"

namespace keyfob::sim {

/// Who a v3 call speaks for.
struct V3Caller {
  std::string client;    ///< "" while any client is accepted
  std::string user;      ///< of sc-user-id, or the owner of a user token; may be empty
  const Grant* grant{};  ///< of a user token
};

struct V3Problem {
  int status;
  std::string_view type;
  std::string_view code;
  std::string_view detail{};
};

template <class T>
using V3Answer = std::expected<T, V3Problem>;

inline constexpr V3Problem kUnauthorized{401, "AUTHENTICATION", "UNAUTHORIZED",
                                         "The Authorization token is missing or invalid."};

inline constexpr V3Problem kNoVehicle{404, "RESOURCE_NOT_FOUND", "VEHICLE_NOT_FOUND"};
inline constexpr V3Problem kNoPath{404, "RESOURCE_NOT_FOUND", "INVALID_PATH"};

[[nodiscard]] http::Response refuse_v3(const Call& call, const V3Problem& problem);
/// The application token, or a user token where settings admit it.
[[nodiscard]] V3Answer<V3Caller> caller_of(const Call& call);
/// The application token only.
[[nodiscard]] V3Answer<V3Caller> application_of(const Call& call);

/// The connection through which the caller may see the vehicle of the path.
[[nodiscard]] V3Answer<Connection> connection_for(const Call& call, const V3Caller& caller);
/// The same for calls that must say for whom.
[[nodiscard]] V3Answer<Connection> connection_for_user(const Call& call);

/// The part of a list that page[number] and page[size] ask for.
struct V3Page {
  std::size_t number = 1;
  std::size_t size = 10;
  std::size_t total = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
};
[[nodiscard]] V3Answer<V3Page> v3_page(const Call& call, std::size_t total, PageSize size);
[[nodiscard]] http::Response v3_list(const Call& call, json::array data, const V3Page& page);
[[nodiscard]] json::object v3_links(const std::string& self);
[[nodiscard]] http::Response no_content();

}  // namespace keyfob::sim
