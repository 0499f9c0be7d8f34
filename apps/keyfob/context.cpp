#include "apps/keyfob/context.hpp"

#include <unistd.h>

#include <boost/json.hpp>
#include <cstdlib>

#include "apps/keyfob/connect_api.hpp"
#include "apps/keyfob/errors.hpp"
#include "apps/keyfob/json_view.hpp"
#include "apps/keyfob/terminal.hpp"
#include "base/bytes.hpp"
#include "base/nearest.hpp"
#include "config/parse.hpp"

namespace keyfob::cli {

Result<std::filesystem::path> Context::config_file() const {
  if (!options_.config.empty()) return options_.config;
  if (const char* named = std::getenv("KEYFOB_CONFIG"); named != nullptr && *named != '\0') return named;
  for (const char* usual : {"keyfob.toml", "/etc/keyfob/keyfob.toml"})
    if (::access(usual, F_OK) == 0) return usual;
  return fail(ErrorCode::invalid_argument, "no configuration: looked for ./keyfob.toml and /etc/keyfob/keyfob.toml",
              "make one with `keyfob init`, or name one with --config FILE or $KEYFOB_CONFIG");
}

Result<const config::Config*> Context::config() {
  if (config_) return config_.get();
  auto path = config_file();
  if (!path) return fail(path.error());
  auto loaded = config::load_config(*path);
  if (!loaded) {
    Error error = loaded.error();
    if (error.code == ErrorCode::not_found) error.code = ErrorCode::invalid_argument;
    return fail(std::move(error));
  }
  config_ = std::make_unique<config::Config>(std::move(*loaded));
  return config_.get();
}

Result<ApiTransport*> Context::transport() {
  if (transport_) return transport_.get();
  auto settings = config();
  if (!settings) return fail(settings.error());
  auto connected = connect_api(**settings);
  if (!connected) return fail(connected.error());
  transport_ = std::move(*connected);
  return transport_.get();
}

Result<void> Context::reach() {
  if (auto way = transport(); !way) return fail(way.error());
  return {};
}

std::string Context::hint_for_missing(ApiTransport& way, std::string_view target) {
  for (const std::string kind : {"apps", "callers"}) {
    const std::string prefix = "/v1/" + kind + "/";
    if (!target.starts_with(prefix)) continue;
    const auto name =
        http::decode_component(target.substr(prefix.size(), target.find_first_of("/?", prefix.size()) - prefix.size()));
    const auto list = way.send({"GET", "/v1/" + kind, {}, {}, {}});
    boost::system::error_code failure;
    const auto parsed = list ? boost::json::parse(list->body, failure) : boost::json::value();
    std::vector<std::string> known;
    for (const auto* element : elements_of(parsed, kind)) known.push_back(text_of(*element, "name"));
    const std::string guess = name ? nearest(*name, known) : std::string();
    if (!guess.empty()) return "did you mean `" + guess + "`?";
  }
  return {};
}

Result<ApiAnswer> Context::call(std::string method, std::string target, std::string body) {
  auto way = transport();
  if (!way) return fail(way.error());
  const std::string target_kept = target;
  http::Request request{std::move(method), std::move(target), {}, std::move(body), {}};
  if (!request.body.empty()) request.headers.push_back({"content-type", "application/json"});
  auto response = (*way)->send(std::move(request));
  if (!response) return fail(response.error());
  if (response->status >= 400) {
    Error error = error_from(*response);
    if (response->status == 404)
      if (std::string hint = hint_for_missing(**way, target_kept); !hint.empty()) error.hint = std::move(hint);
    return fail(std::move(error));
  }
  ApiAnswer answer{response->status, std::move(response->body), nullptr};
  if (answer.text.empty()) return answer;
  boost::system::error_code failure;
  answer.value = boost::json::parse(answer.text, failure);
  if (failure) return fail(ErrorCode::internal, "the API's answer is not JSON: " + failure.message());
  return answer;
}

Result<void> Context::show(const ApiAnswer& answer,
                           const std::function<std::string(const boost::json::value&)>& for_people) {
  if (!json()) return show_text(for_people(answer.value));
  std::string text = answer.text.empty() ? "{}" : answer.text;
  if (!text.ends_with('\n')) text += '\n';
  return show_text(text);
}

Result<void> Context::show_text(std::string_view text) {
  if (print(text)) return {};
  return fail(ErrorCode::unavailable, "the result cannot be written to stdout", "is the disk full or the pipe closed?");
}

}  // namespace keyfob::cli
