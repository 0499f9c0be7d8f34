#include "http/client_connection.hpp"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <boost/asio.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace keyfob::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

template <class T>
using Awaitable = asio::awaitable<T>;
using Opened = std::expected<void, ClientFailure>;

using Body = beast::http::basic_string_body<char, std::char_traits<char>, WipingAllocator<char>>;
using Parser = beast::http::response_parser<Body>;
using Buffer = beast::basic_flat_buffer<WipingAllocator<char>>;

/// A lookup that can be left alone: getaddrinfo cannot be interrupted, the one who waits for it can.
struct Lookup {
  explicit Lookup(const asio::any_io_executor& executor) : resolver(executor), done(executor) {}
  tcp::resolver resolver;
  asio::steady_timer done;
  tcp::resolver::results_type found;
  error_code error = asio::error::operation_aborted;
};

Awaitable<tcp::resolver::results_type> look_up(std::shared_ptr<Lookup> lookup, std::string host, std::string port) {
  lookup->resolver.async_resolve(host, port, tcp::resolver::numeric_service,
                                 [lookup](const error_code& error, tcp::resolver::results_type found) {
                                   lookup->error = error;
                                   lookup->found = std::move(found);
                                   lookup->done.cancel();
                                 });
  co_await lookup->done.async_wait(kTuple);
  co_return lookup->found;
}

bool is_address(const std::string& host) {
  error_code error;
  asio::ip::make_address(host, error);
  return !error;
}

bool prepare_tls(SSL* session, const std::string& host) {
  X509_VERIFY_PARAM* const verify = SSL_get0_param(session);
  X509_VERIFY_PARAM_set_hostflags(verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (is_address(host)) return X509_VERIFY_PARAM_set1_ip_asc(verify, host.c_str()) == 1;
  return SSL_set1_host(session, host.c_str()) == 1 && SSL_set_tlsext_host_name(session, host.c_str()) == 1;
}

ClientResponse response_of(Parser& parser, bool cut) {
  ClientResponse out{.status = static_cast<int>(parser.get().result_int()), .cut = cut};
  for (const auto& field : parser.get()) {
    out.headers.push_back({std::string(field.name_string()), std::string(field.value())});
  }
  out.body = std::move(parser.get().body());
  return out;
}

/// What is left of a response once its head is there. Bodies are bounded here and not by the parser, which would throw
/// away what it has, and reserve what a content-length promises.
template <class Stream>
Awaitable<bool> read_body(Stream& stream, Buffer& buffer, Parser& parser, std::size_t limit) {
  const auto length = parser.content_length();
  if (length && *length > limit) co_return false;
  while (!parser.is_done()) {
    const auto [error, bytes] = co_await beast::http::async_read_some(stream, buffer, parser, kTuple);
    if (parser.get().body().size() > limit) {
      parser.get().body().resize(limit);
      co_return false;
    }
    if (error) co_return false;
  }
  co_return true;
}

struct Answer {
  error_code error{};  ///< of the head
  ClientResponse response{};
  bool reusable = false;
};

template <class Stream>
Awaitable<Answer> read_answer(Stream& stream, ClientConnection::ReadLimits limits) {
  constexpr int kInformational = 8;
  Answer answer;
  Buffer buffer(limits.header_bytes + limits.body_bytes + 4096);
  for (int i = 0; i < kInformational; ++i) {
    Parser parser;
    parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
    parser.body_limit(boost::none);
    parser.skip(limits.head);
    const auto [error, bytes] = co_await beast::http::async_read_header(stream, buffer, parser, kTuple);
    answer.error = error;
    if (error) co_return answer;
    if (parser.get().result_int() / 100 == 1) continue;
    const bool whole = co_await read_body(stream, buffer, parser, limits.body_bytes);
    answer.reusable = whole && parser.keep_alive() && buffer.size() == 0;
    answer.response = response_of(parser, !whole);
    co_return answer;
  }
  answer.error = beast::http::error::bad_status;
  co_return answer;
}

}  // namespace

ClientConnection::ClientConnection(const asio::any_io_executor& executor)
    : executor_(executor), socket_(executor), timer_(executor) {}

ClientFailure ClientConnection::failure(bool sent, std::string what, const error_code& error) const {
  if (timed_out_) return {sent, ErrorCode::timeout, what + ": no time left"};
  const bool limit = error == beast::http::error::header_limit || error == beast::http::error::buffer_overflow;
  return {sent, limit ? ErrorCode::limit : ErrorCode::unavailable, what + ": " + error.message()};
}

void ClientConnection::watch(Milliseconds at_most) {
  const unsigned mine = ++watch_;
  timer_.expires_after(std::min<Milliseconds>(at_most, hours(24)));
  const auto close = [self = shared_from_this(), mine](const error_code& error) {
    if (error || mine != self->watch_) return;
    self->timed_out_ = true;
    error_code ignored;
    self->socket_.close(ignored);
  };
  timer_.async_wait(asio::bind_executor(executor_, close));
}

void ClientConnection::calm() {
  ++watch_;
  timer_.cancel();
}

bool ClientConnection::still_open() {
  if (tls_ && SSL_has_pending(tls_->native_handle()) != 0) return false;
  char byte = 0;
  const auto got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

Awaitable<Opened> ClientConnection::open(ClientRoute route, asio::ssl::context& tls, Milliseconds at_most) {
  watch(at_most);
  const bool proxied = !route.via_host.empty();
  std::string host = proxied ? route.via_host : route.host;
  Opened step = co_await connect(std::move(host), proxied ? route.via_port : route.port);
  if (step && proxied) {
    const bool six = route.host.find(':') != std::string::npos;
    std::string authority = (six ? "[" + route.host + "]" : route.host) + ":" + std::to_string(route.port);
    step = co_await ask_proxy(std::move(authority));
  }
  if (step && route.tls) step = co_await shake_hands(route.host, tls);
  calm();
  co_return step;
}

Awaitable<Opened> ClientConnection::connect(std::string host, std::uint16_t port) {
  tcp::resolver::results_type found;
  error_code literal;
  const auto address = asio::ip::make_address(host, literal);
  if (!literal) {
    found = tcp::resolver::results_type::create(tcp::endpoint(address, port), host, "");
  } else {
    const auto lookup = std::make_shared<Lookup>(socket_.get_executor());
    lookup->done.expires_at(timer_.expiry());
    std::string service = std::to_string(port);
    found = co_await look_up(lookup, host, std::move(service));
    if (lookup->error) co_return std::unexpected(failure(false, "cannot resolve " + host, lookup->error));
  }
  const auto [error, endpoint] = co_await asio::async_connect(socket_, found, kTuple);
  if (error) co_return std::unexpected(failure(false, "cannot connect to " + host, error));
  error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  co_return Opened();
}

Awaitable<Opened> ClientConnection::ask_proxy(std::string authority) {
  const std::string wire = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n";
  const auto [error, written] = co_await asio::async_write(socket_, asio::buffer(wire), kTuple);
  if (error) co_return std::unexpected(failure(false, "the proxy hung up", error));
  beast::flat_buffer buffer(16 * 1024);
  beast::http::response_parser<beast::http::empty_body> parser;
  parser.skip(true);
  const auto [bad, bytes] = co_await beast::http::async_read_header(socket_, buffer, parser, kTuple);
  if (bad) co_return std::unexpected(failure(false, "the proxy gave no answer", bad));
  if (parser.get().result_int() / 100 == 2 && buffer.size() == 0) co_return Opened();
  const std::string status = std::to_string(parser.get().result_int());
  co_return std::unexpected(ClientFailure{false, ErrorCode::unavailable, "the proxy refused with status " + status});
}

Awaitable<Opened> ClientConnection::shake_hands(std::string host, asio::ssl::context& tls) {
  tls_.emplace(socket_, tls);
  SSL* const session = tls_->native_handle();
  if (!prepare_tls(session, host)) {
    co_return std::unexpected(ClientFailure{false, ErrorCode::invalid_argument, "TLS cannot verify the name " + host});
  }
  const auto [error] = co_await tls_->async_handshake(asio::ssl::stream_base::client, kTuple);
  if (!error) co_return Opened();
  const long verdict = SSL_get_verify_result(session);
  const std::string why = verdict == X509_V_OK ? "" : std::string(" (") + X509_verify_cert_error_string(verdict) + ")";
  co_return std::unexpected(failure(false, "TLS handshake with " + host + " failed" + why, error));
}

Awaitable<ClientConnection::Written> ClientConnection::write(std::string_view wire) {
  std::size_t bytes = 0;
  error_code error;
  if (tls_) {
    std::tie(error, bytes) = co_await asio::async_write(*tls_, asio::buffer(wire), kTuple);
  } else {
    std::tie(error, bytes) = co_await asio::async_write(socket_, asio::buffer(wire), kTuple);
  }
  // TLS may have put a whole record on the wire before it reports that it could not.
  co_return Written{.whole = !error, .none = error && bytes == 0 && !tls_};
}

Awaitable<ClientOutcome> ClientConnection::read(ReadLimits limits) {
  Answer answer;
  if (tls_) {
    answer = co_await read_answer(*tls_, limits);
  } else {
    answer = co_await read_answer(socket_, limits);
  }
  reusable_ = answer.reusable && !timed_out_;
  if (answer.error) co_return std::unexpected(failure(true, "no answer", answer.error));
  co_return std::move(answer.response);
}

}  // namespace keyfob::http
