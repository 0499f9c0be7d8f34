#pragma once
// Limits: what one server and its upstream side accept, and how long they wait for it.

#include <cstddef>

#include "base/time.hpp"

namespace keyfob::http {

/// The caller's side. Times are checked with a resolution of about a tenth of a second.
struct Limits {
  std::size_t head_bytes = std::size_t{32} * 1024;      ///< request line and headers; at most 32 KiB
  std::size_t fields = 100;                             ///< header lines; at most 100
  std::size_t body_bytes = std::size_t{1024} * 1024;    ///< body handed to a Handler; larger ones are answered 413
  std::size_t replay_bytes = std::size_t{1024} * 1024;  ///< forwarded bodies up to this are kept and can be sent again
  std::size_t connections = 16384;                      ///< per server; further callers wait in the listen queue
  Milliseconds head = seconds(15);                      ///< from the first byte of a head to its last
  Milliseconds body = seconds(30);                      ///< between two pieces of a request body
  Milliseconds write = seconds(30);                     ///< between two pieces of a response that the caller takes
  Milliseconds idle = seconds(75);                      ///< keep-alive connection without a request
  Milliseconds handler = seconds(330);                  ///< for a Handler, or for an Exchange::later, to come back
};

/// The upstream side.
struct UpstreamLimits {
  Milliseconds connect = seconds(10);  ///< name resolution, TCP and TLS handshakes
  Milliseconds response =
      seconds(310);                  ///< from the request's last byte to the response's head, and between two pieces
  Milliseconds write = seconds(30);  ///< between two pieces of a request that the origin takes
  Milliseconds idle = seconds(55);   ///< a pooled connection is closed after this
  std::size_t connections = 4096;    ///< per origin and thread
};

}  // namespace keyfob::http
