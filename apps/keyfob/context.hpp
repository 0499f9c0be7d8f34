#pragma once
// Context: what every command gets: the global options, the configuration, the API, and the way its result is shown.

#include <boost/json/value.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "apps/keyfob/api_transport.hpp"
#include "base/result.hpp"
#include "config/config.hpp"

namespace keyfob::cli {

struct GlobalOptions {
  std::string config;  ///< empty: $KEYFOB_CONFIG, ./keyfob.toml, /etc/keyfob/keyfob.toml, the first that exists
  bool json = false;
  bool verbose = false;
};

/// A successful answer of the API.
struct ApiAnswer {
  int status = 200;
  std::string text;          ///< the body as it came
  boost::json::value value;  ///< the body parsed; null when it was empty
};

class Context {
 public:
  explicit Context(GlobalOptions options) : options_(std::move(options)) {}

  [[nodiscard]] bool json() const { return options_.json; }
  [[nodiscard]] bool verbose() const { return options_.verbose; }

  /// The configuration file in use. not_found says where it was looked for.
  [[nodiscard]] Result<std::filesystem::path> config_file() const;
  /// Loaded once.
  [[nodiscard]] Result<const config::Config*> config();

  /// Finds the way to the API; from then on call() may be used by several threads at once.
  Result<void> reach();
  /// One call to the API, through the daemon when one runs, else in this process. The body is wiped after it.
  Result<ApiAnswer> call(std::string method, std::string target, std::string body = {});

  /// --json: the API's answer and a line break; else what `for_people` makes of it. Fails when stdout does.
  Result<void> show(const ApiAnswer& answer, const std::function<std::string(const boost::json::value&)>& for_people);
  Result<void> show_text(std::string_view text);

 private:
  /// What is nearest to a name of the path that is not there; empty: nothing is.
  std::string hint_for_missing(ApiTransport& way, std::string_view target);
  Result<ApiTransport*> transport();

  GlobalOptions options_;
  std::unique_ptr<config::Config> config_;
  std::unique_ptr<ApiTransport> transport_;
};

using Action = std::function<Result<void>(Context&)>;

}  // namespace keyfob::cli
