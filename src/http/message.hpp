#pragma once
// Request and Response as whole values, for everything that is not the relay: the API, the token endpoint, the
// simulator.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyfob::http {

struct Header {
  std::string name;
  std::string value;
};

/// First value of a header; names compare without case.
[[nodiscard]] std::optional<std::string_view> find_header(const std::vector<Header>& headers, std::string_view name);

struct Request {
  std::string method;
  std::string target;  ///< origin form as received: path and query
  std::vector<Header> headers;
  std::string body;
  std::string peer{};              ///< "127.0.0.1:5000" or "unix:uid=1000"
  std::string peer_certificate{};  ///< mTLS: first SAN of the verified certificate

  [[nodiscard]] std::string_view path() const;   ///< target without the query
  [[nodiscard]] std::string_view query() const;  ///< without '?'
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const {
    return find_header(headers, name);
  }
};

struct Response {
  int status = 200;
  std::vector<Header> headers{};  ///< content-length, connection and date are the server's business
  std::string body{};
};

using Handler = std::function<boost::asio::awaitable<Response>(Request)>;

/// Percent-decoding of one query or form component, '+' as space. Empty when malformed.
[[nodiscard]] std::optional<std::string> decode_component(std::string_view text);
/// Percent-encoding of everything but RFC 3986 unreserved characters.
[[nodiscard]] std::string encode_component(std::string_view text);
/// First value of `name` in an application/x-www-form-urlencoded text. Empty when absent or malformed.
[[nodiscard]] std::optional<std::string> form_value(std::string_view form, std::string_view name);
[[nodiscard]] bool equal_no_case(std::string_view a, std::string_view b);

}  // namespace keyfob::http
