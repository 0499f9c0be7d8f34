#pragma once
// Heads that ours accepts and a reference refuses or reads otherwise, on purpose. Each is named with its reason, and
// none is about where a message begins or ends or to whom it goes.

#include <http_parser.h>

#include <string>
#include <string_view>

#include "http/head_scanner.hpp"

namespace keyfob::fuzz {

inline std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return out;
}

/// The references judge trailers as if they were part of the head. Ours drops them unread, as RFC 9110 section 6.5.1
/// allows.
inline bool has_meaningful_trailer(std::string_view chunks) {
  const std::string text = lower_case(chunks);
  for (const std::string_view name : {"connection", "content-length", "transfer-encoding", "upgrade"}) {
    if (text.find(name) != std::string::npos) return true;
  }
  return false;
}

/// Beast reads Proxy-Connection as Connection. RFC 9112 appendix C.2.2: it is to be ignored; ours never forwards it.
inline bool has_exception_of_beast(const http::Head& head) { return head.find("proxy-connection").has_value(); }

/// Beast wants the space behind the status although no reason follows; servers leave it out.
inline bool has_exception_of_beast(const http::ResponseHead& head) {
  const std::string_view line = head.start_line();
  return line.size() == std::string_view("HTTP/1.1 200\r\n").size() ||
         has_exception_of_beast(static_cast<const http::Head&>(head));
}

/// http-parser reads Proxy-Connection as Connection, and takes "Transfer-Encoding#" for Transfer-Encoding in part: it
/// stops comparing at the end of the known name.
inline bool has_exception_of_node(const http::Head& head) {
  for (const http::Field& field : head.fields()) {
    const std::string name = lower_case(head.name(field));
    if (name.starts_with("proxy-connection")) return true;
    for (const std::string_view known : {"connection", "content-length", "transfer-encoding", "upgrade"}) {
      if (name.starts_with(known) && name != known) return true;
    }
  }
  return false;
}

/// http-parser knows a list of methods; ours takes any token, which the routes then judge.
inline bool has_exception_of_node(const http::RequestHead& head) {
  if (has_exception_of_node(static_cast<const http::Head&>(head))) return true;
  for (int i = 0; i < 64; ++i) {
    const std::string_view name = http_method_str(static_cast<http_method>(i));
    if (name == head.method_name()) return false;
    if (name == "<unknown>") break;
  }
  return true;
}

}  // namespace keyfob::fuzz
