#include "http/head_scanner.hpp"

namespace keyfob::http {

std::string_view to_string(HeadFault fault) {
  switch (fault) {
    case HeadFault::none: return "no fault";
    case HeadFault::start_line: return "malformed start line";
    case HeadFault::method: return "method not accepted";
    case HeadFault::target: return "the request target must be a path, strictly encoded";
    case HeadFault::version: return "only HTTP/1.1 is spoken here";
    case HeadFault::field_name: return "malformed or repeated header name";
    case HeadFault::field_value: return "control byte in the head";
    case HeadFault::folded: return "folded header line";
    case HeadFault::line_end: return "a line must end with CRLF";
    case HeadFault::too_long: return "the head is too long";
    case HeadFault::too_many_fields: return "too many headers";
    case HeadFault::host: return "Host is missing, repeated or malformed";
    case HeadFault::content_length: return "Content-Length is malformed or repeated";
    case HeadFault::transfer_encoding: return "Transfer-Encoding other than chunked";
    case HeadFault::conflicting_framing: return "both Content-Length and Transfer-Encoding";
    case HeadFault::connection: return "malformed Connection";
    case HeadFault::expect: return "Expect other than 100-continue";
    case HeadFault::upgrade: return "upgrades are not supported";
    case HeadFault::overriding: return "a header that overrides the method or the path";
  }
  return "malformed head";
}

int status_of(HeadFault fault) {
  switch (fault) {
    case HeadFault::version: return 505;
    case HeadFault::too_long:
    case HeadFault::too_many_fields: return 431;
    case HeadFault::expect: return 417;
    default: return 400;
  }
}

}  // namespace keyfob::http
