#pragma once
// What of a head goes on to the other side (RFC 9110 section 7.6): everything in its original bytes, except what
// concerns one hop, what the relay says itself, and what must not cross.

#include <string>
#include <string_view>
#include <vector>

#include "http/gather.hpp"
#include "http/head_scanner.hpp"
#include "http/header_block.hpp"

namespace keyfob::http {

struct ForwardedRequest {
  const RequestHead& head;
  std::string_view host_line;  ///< "Host: api.example\r\n"
  const HeaderBlock& inject;
  std::string_view framing{};                        ///< replaces the request's own when not empty: a complete line
  const std::vector<std::string>& private_prefixes;  ///< lower case
};

/// Adds the whole head, empty line included.
void gather_request(Gather& out, const ForwardedRequest& request);

struct PassedResponse {
  const ResponseHead& head;
  const HeaderBlock& add;
  std::string_view
      framing{};  ///< a complete line, or empty when the response's Content-Length stands or nothing is needed
  bool close = false;
  const std::vector<std::string>& private_prefixes;
};

/// Adds the whole head, empty line included. The version becomes HTTP/1.1.
void gather_response(Gather& out, const PassedResponse& response);

}  // namespace keyfob::http
