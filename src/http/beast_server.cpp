#include "http/beast_server.hpp"

#include <array>
#include <boost/asio.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <mutex>
#include <unordered_set>

namespace keyfob::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

using Stream = beast::tcp_stream;
using StreamPtr = std::shared_ptr<Stream>;
using Parser = beast::http::request_parser<beast::http::string_body>;

Result<tcp::endpoint> parse_endpoint(std::string_view text) {
  const auto bad = [&] {
    return fail(ErrorCode::invalid_argument, "'" + std::string(text) + "' is not an address and a port",
                "write it like 127.0.0.1:7421");
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad();
  std::string_view host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, number_error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  boost::system::error_code error;
  const auto address = asio::ip::make_address(std::string(host), error);
  if (error || number_error != std::errc() || end != digits.data() + digits.size()) return bad();
  return tcp::endpoint(address, port);
}

std::string text_of(const tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port());
}

Request to_request(const Parser::value_type& message, const std::string& peer) {
  Request request;
  request.method = message.method_string();
  request.target = message.target();
  request.body = message.body();
  request.peer = peer;
  for (const auto& field : message) request.headers.push_back({std::string(field.name_string()), field.value()});
  return request;
}

std::string head_of(const Response& response, bool keep_alive) {
  const auto reason = beast::http::obsolete_reason(beast::http::int_to_status(static_cast<unsigned>(response.status)));
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " " + std::string(reason) + "\r\n";
  for (const Header& header : response.headers) head += header.name + ": " + header.value + "\r\n";
  if (response.status != 204 && response.status != 304) {
    head += "content-length: " + std::to_string(response.body.size()) + "\r\n";
  }
  if (!keep_alive) head += "connection: close\r\n";
  return head + "\r\n";
}

StagedResponse plain_error(int status, std::string text) {
  StagedResponse staged;
  staged.response.status = status;
  staged.response.headers = {{"content-type", "text/plain"}};
  staged.response.body = std::move(text);
  return staged;
}

StagedHandler stage(Handler handler) {
  return [handler = std::move(handler)](Request request) -> asio::awaitable<StagedResponse> {
    StagedResponse staged;
    staged.response = co_await handler(std::move(request));
    co_return staged;
  };
}

}  // namespace

struct BeastServer::State : std::enable_shared_from_this<BeastServer::State> {
  State(asio::any_io_executor executor_in, StagedHandler handler_in, BeastServerLimits limits_in)
      : executor(std::move(executor_in)),
        acceptor(asio::make_strand(executor)),
        handler(std::move(handler_in)),
        limits(limits_in) {}

  asio::any_io_executor executor;
  tcp::acceptor acceptor;
  StagedHandler handler;
  BeastServerLimits limits;
  tcp::endpoint bound;
  std::mutex mutex;  // guards the two below
  std::unordered_set<StreamPtr> streams;
  bool stopped = false;

  [[nodiscard]] Result<void> open(const tcp::endpoint& endpoint);
  [[nodiscard]] bool enter(const StreamPtr& stream);
  void leave(const StreamPtr& stream);
  void close_all();

  asio::awaitable<void> accept_all();
  asio::awaitable<void> serve(StreamPtr stream);
  asio::awaitable<bool> serve_one(StreamPtr stream, std::shared_ptr<beast::flat_buffer> buffer);
  asio::awaitable<StagedResponse> answer(Request request);
  asio::awaitable<bool> deliver(StreamPtr stream, StagedResponse staged, bool keep_alive, bool head_only);
};

Result<void> BeastServer::State::open(const tcp::endpoint& endpoint) {
  boost::system::error_code error;
  const auto check = [&](auto&& step) {
    if (!error) step();
  };
  check([&] { acceptor.open(endpoint.protocol(), error); });
  check([&] { acceptor.set_option(asio::socket_base::reuse_address(true), error); });
  check([&] { acceptor.bind(endpoint, error); });
  check([&] { acceptor.listen(asio::socket_base::max_listen_connections, error); });
  check([&] { bound = acceptor.local_endpoint(error); });
  if (error) return fail(ErrorCode::unavailable, "cannot listen on " + text_of(endpoint) + ": " + error.message());
  return {};
}

bool BeastServer::State::enter(const StreamPtr& stream) {
  const std::lock_guard lock(mutex);
  if (!stopped) streams.insert(stream);
  return !stopped;
}

void BeastServer::State::leave(const StreamPtr& stream) {
  const std::lock_guard lock(mutex);
  streams.erase(stream);
}

asio::awaitable<void> BeastServer::State::accept_all() {
  const auto self = shared_from_this();
  while (acceptor.is_open()) {
    auto [error, socket] = co_await acceptor.async_accept(asio::make_strand(executor), kTuple);
    if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) co_return;
    if (error) continue;
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    auto stream = std::make_shared<Stream>(std::move(socket));
    if (!enter(stream)) co_return;
    const auto on = stream->get_executor();
    asio::co_spawn(on, serve(std::move(stream)), asio::detached);
  }
}

asio::awaitable<void> BeastServer::State::serve(StreamPtr stream) {
  const auto self = shared_from_this();
  const auto buffer = std::make_shared<beast::flat_buffer>();
  bool more = true;
  while (more) more = co_await serve_one(stream, buffer);
  boost::system::error_code ignored;
  stream->socket().shutdown(tcp::socket::shutdown_both, ignored);
  stream->close();
  leave(stream);
}

asio::awaitable<bool> BeastServer::State::serve_one(StreamPtr stream, std::shared_ptr<beast::flat_buffer> buffer) {
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
  parser.body_limit(limits.body_bytes);
  stream->expires_after(limits.idle);
  const auto [error, size] = co_await beast::http::async_read(*stream, *buffer, parser, kTuple);
  stream->expires_never();
  if (error == beast::http::error::end_of_stream) co_return false;
  if (error && error.category() != beast::http::make_error_code(beast::http::error::bad_method).category()) {
    co_return false;
  }
  if (error) {
    const int status = error == beast::http::error::body_limit ? 413 : 400;
    StagedResponse refusal = plain_error(status, error.message() + "\n");
    co_return co_await deliver(std::move(stream), std::move(refusal), false, false);
  }
  const bool keep_alive = parser.get().keep_alive();
  const bool head_only = parser.get().method() == beast::http::verb::head;
  boost::system::error_code ignored;
  Request request = to_request(parser.get(), text_of(stream->socket().remote_endpoint(ignored)));
  StagedResponse staged = co_await answer(std::move(request));
  co_return co_await deliver(std::move(stream), std::move(staged), keep_alive, head_only);
}

asio::awaitable<StagedResponse> BeastServer::State::answer(Request request) {
  std::string problem;
  try {
    co_return co_await handler(std::move(request));
  } catch (const std::exception& e) {
    problem = e.what();
  }
  co_return plain_error(500, problem + "\n");
}

asio::awaitable<bool> BeastServer::State::deliver(StreamPtr stream, StagedResponse staged, bool keep_alive,
                                                  bool head_only) {
  using Ending = StagedResponse::Ending;
  if (staged.ending == Ending::dropped) co_return false;
  if (staged.ending == Ending::reset) {
    boost::system::error_code ignored;
    stream->socket().set_option(asio::socket_base::linger(true, 0), ignored);
    stream->socket().close(ignored);
    co_return false;
  }
  const std::string head = head_of(staged.response, keep_alive);
  std::string_view body = staged.response.body;
  if (head_only) body = {};
  if (staged.ending == Ending::cut) body = body.substr(0, std::min(body.size(), staged.cut_at));
  const std::array<asio::const_buffer, 2> buffers{asio::buffer(head), asio::buffer(body.data(), body.size())};
  stream->expires_after(limits.idle);
  const auto [error, size] = co_await asio::async_write(*stream, buffers, kTuple);
  stream->expires_never();
  co_return !error && keep_alive && staged.ending == Ending::whole;
}

Result<BeastServer> BeastServer::listen(asio::any_io_executor executor, std::string_view endpoint, Handler handler,
                                        BeastServerLimits limits) {
  return listen_staged(std::move(executor), endpoint, stage(std::move(handler)), limits);
}

Result<BeastServer> BeastServer::listen_staged(asio::any_io_executor executor, std::string_view endpoint,
                                               StagedHandler handler, BeastServerLimits limits) {
  const auto parsed = parse_endpoint(endpoint);
  if (!parsed) return fail(parsed.error());
  auto state = std::make_shared<State>(std::move(executor), std::move(handler), limits);
  const auto opened = state->open(*parsed);
  if (!opened) return fail(opened.error());
  asio::co_spawn(state->acceptor.get_executor(), state->accept_all(), asio::detached);
  return BeastServer(std::move(state));
}

BeastServer::BeastServer(std::shared_ptr<State> state) : state_(std::move(state)) {}
BeastServer::BeastServer(BeastServer&&) noexcept = default;
BeastServer& BeastServer::operator=(BeastServer&& other) noexcept {
  if (state_) stop();
  state_ = std::move(other.state_);
  return *this;
}
BeastServer::~BeastServer() {
  if (state_) stop();
}

std::uint16_t BeastServer::port() const { return state_->bound.port(); }
std::string BeastServer::origin() const { return "http://" + text_of(state_->bound); }

void BeastServer::State::close_all() {
  std::unordered_set<StreamPtr> open;
  {
    const std::lock_guard lock(mutex);
    stopped = true;
    open.swap(streams);
  }
  asio::post(acceptor.get_executor(), [self = shared_from_this()] {
    boost::system::error_code ignored;
    self->acceptor.close(ignored);
  });
  for (const StreamPtr& stream : open) {
    asio::post(stream->get_executor(), [stream] { stream->close(); });
  }
}

void BeastServer::stop() noexcept {
  try {
    state_->close_all();
  } catch (...) {  // no memory to post with: the sockets close with their io_context
  }
}

}  // namespace keyfob::http
