#pragma once
// What Boost.Beast and http-parser make of the same bytes.

#include <http_parser.h>

#include <boost/beast/http/basic_parser.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keyfob::fuzz {

/// A head, and as much of the body as was decoded.
struct Seen {
  bool refused = false;
  bool head_complete = false;
  bool message_complete = false;
  std::string why{};
  std::string method{};
  std::string target{};
  int status = 0;
  std::vector<std::pair<std::string, std::string>> fields{};
  bool chunked = false;
  std::optional<std::uint64_t> content_length{};
  bool keep_alive = false;
  bool upgrade = false;
  std::string body{};
};

namespace detail {

namespace beast = boost::beast;
using beast::error_code;
using beast::string_view;

inline std::string text(string_view view) { return {view.data(), view.size()}; }

template <bool IsRequest>
class BeastReader final : public beast::http::basic_parser<IsRequest> {
 public:
  explicit BeastReader(Seen& seen) : seen_(seen) {}

 private:
  using verb = beast::http::verb;
  using field = beast::http::field;
  void on_request_impl(verb, string_view method, string_view target, int, error_code&) override {
    seen_.method = text(method);
    seen_.target = text(target);
  }
  void on_response_impl(int status, string_view, int, error_code&) override { seen_.status = status; }
  void on_field_impl(field, string_view name, string_view value, error_code&) override {
    seen_.fields.emplace_back(text(name), text(value));
  }
  void on_header_impl(error_code&) override { seen_.head_complete = true; }
  void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
  std::size_t on_body_impl(string_view data, error_code&) override {
    seen_.body += text(data);
    return data.size();
  }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view data, error_code&) override {
    seen_.body += text(data);
    return data.size();
  }
  void on_finish_impl(error_code&) override { seen_.message_complete = true; }

  Seen& seen_;
};

template <bool IsRequest>
Seen read_with_beast(std::string_view bytes) {
  Seen seen;
  BeastReader<IsRequest> parser(seen);
  parser.eager(true);
  parser.header_limit(1U << 20U);
  parser.body_limit(boost::none);
  std::size_t at = 0;
  while (at < bytes.size() && !parser.is_done()) {
    error_code error;
    const std::size_t used = parser.put(boost::asio::buffer(bytes.data() + at, bytes.size() - at), error);
    at += used;
    if (error == beast::http::error::need_more) break;
    if (error) {
      seen.refused = true;
      seen.why = error.message();
      break;
    }
    if (used == 0) break;
  }
  if (seen.head_complete) {
    seen.chunked = parser.chunked();
    if (const auto length = parser.content_length()) seen.content_length = *length;
    seen.keep_alive = parser.keep_alive();
    seen.upgrade = parser.upgrade();
  }
  return seen;
}

/// Callbacks of http-parser; `value` says whether the last data was a value.
struct NodeState {
  Seen seen{};
  bool value = true;
};

inline NodeState& state_of(http_parser* parser) { return *static_cast<NodeState*>(parser->data); }

inline int on_field(http_parser* parser, const char* at, std::size_t size) {
  NodeState& state = state_of(parser);
  if (std::exchange(state.value, false)) state.seen.fields.emplace_back();
  state.seen.fields.back().first.append(at, size);
  return 0;
}

inline int on_value(http_parser* parser, const char* at, std::size_t size) {
  NodeState& state = state_of(parser);
  state.value = true;
  state.seen.fields.back().second.append(at, size);
  return 0;
}

inline int on_head(http_parser* parser) {
  Seen& seen = state_of(parser).seen;
  seen.head_complete = true;
  seen.status = static_cast<int>(parser->status_code);
  if (parser->type == HTTP_REQUEST) seen.method = http_method_str(static_cast<http_method>(parser->method));
  seen.chunked = (parser->flags & F_CHUNKED) != 0;
  if ((parser->flags & F_CONTENTLENGTH) != 0 && !seen.chunked) seen.content_length = parser->content_length;
  seen.keep_alive = http_should_keep_alive(parser) != 0;
  seen.upgrade = parser->upgrade != 0;
  return 0;
}

inline const http_parser_settings& node_settings() {
  static const http_parser_settings settings = [] {
    http_parser_settings made;
    http_parser_settings_init(&made);
    made.on_url = [](http_parser* parser, const char* at, std::size_t size) {
      state_of(parser).seen.target.append(at, size);
      return 0;
    };
    made.on_header_field = on_field;
    made.on_header_value = on_value;
    made.on_headers_complete = on_head;
    made.on_body = [](http_parser* parser, const char* at, std::size_t size) {
      state_of(parser).seen.body.append(at, size);
      return 0;
    };
    made.on_message_complete = [](http_parser* parser) {
      state_of(parser).seen.message_complete = true;
      http_parser_pause(parser, 1);
      return 0;
    };
    return made;
  }();
  return settings;
}

inline Seen read_with_node(std::string_view bytes, http_parser_type type) {
  NodeState state;
  http_parser parser{};
  http_parser_init(&parser, type);
  parser.data = &state;
  http_parser_execute(&parser, &node_settings(), bytes.data(), bytes.size());
  const auto error = HTTP_PARSER_ERRNO(&parser);
  state.seen.refused = error != HPE_OK && error != HPE_PAUSED;
  if (state.seen.refused) state.seen.why = http_errno_name(error);
  return std::move(state.seen);
}

}  // namespace detail

inline Seen beast_request(std::string_view bytes) { return detail::read_with_beast<true>(bytes); }
inline Seen beast_response(std::string_view bytes) { return detail::read_with_beast<false>(bytes); }
inline Seen node_request(std::string_view bytes) { return detail::read_with_node(bytes, HTTP_REQUEST); }
inline Seen node_response(std::string_view bytes) { return detail::read_with_node(bytes, HTTP_RESPONSE); }

/// http-parser keeps the white space behind a value.
inline std::string_view without_padding(std::string_view text) {
  const auto last = text.find_last_not_of(" \t");
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

}  // namespace keyfob::fuzz
