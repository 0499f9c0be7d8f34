#pragma once
// Worker: what a Service may ask of the thread it serves on.

#include <boost/asio/any_io_executor.hpp>
#include <string_view>

#include "base/result.hpp"
#include "http/exchange.hpp"

namespace keyfob::http {

class Worker {
 public:
  virtual ~Worker() = default;
  /// The handle of "https://api.example" or "http://127.0.0.1:9" (see split_url; a path is refused), made when first
  /// asked for, valid as long as the worker. Its thread only, or before the server has started.
  /// invalid_argument: not an origin. unsafe: plain http to somewhere else than this machine.
  virtual Result<Origin*> origin(std::string_view url) = 0;
  /// Where coroutines of this program run: never on the worker's thread.
  [[nodiscard]] virtual boost::asio::any_io_executor background() const = 0;
};

}  // namespace keyfob::http
