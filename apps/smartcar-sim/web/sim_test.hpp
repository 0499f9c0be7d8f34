#pragma once
// A simulator on a free port and a plain blocking client, for the tests of the web layer. The client runs the
// simulator's io_context itself, so there is one thread and no waiting.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "base/bytes.hpp"
#include "web/courier.hpp"
#include "web/front.hpp"
#include "web/json.hpp"

namespace keyfob::sim {

/// What came back; `status` 0: the connection ended without a whole answer.
struct Answer {
  int status = 0;
  std::vector<http::Header> headers{};
  std::string body{};

  [[nodiscard]] json::object object() const { return parse_object(body).value_or(json::object()); }
  [[nodiscard]] std::string text(std::string_view name) const { return text_of(object(), name).value_or(""); }
  [[nodiscard]] std::string header(std::string_view name) const {
    return std::string(http::find_header(headers, name).value_or(""));
  }
};

class SimTest : public testing::Test {
 protected:
  explicit SimTest(SimOptions options = manual_time()) : sim_(std::move(options)), front_(sim_) {
    const auto handle = [this](http::Request request) { return front_.handle(std::move(request)); };
    courier_.emplace(sim_, io_.get_executor());
    server_ = http::BeastServer::listen_staged(io_.get_executor(), "127.0.0.1:0", handle).value();
  }

  static SimOptions manual_time() {
    SimOptions options;
    options.manual_clock = true;
    return options;
  }

  /// Sends without waiting; the answer is there once run_until() says so.
  std::shared_ptr<std::optional<Answer>> send(http::Request request) {
    auto answer = std::make_shared<std::optional<Answer>>();
    boost::asio::co_spawn(io_, exchange(std::move(request), answer), boost::asio::detached);
    return answer;
  }

  void run_until(const std::function<bool()>& done) {
    while (!done()) io_.run_one();
  }

  Answer call(http::Request request) {
    const auto answer = send(std::move(request));
    run_until([&] { return answer->has_value(); });
    return **answer;
  }

  Answer get(std::string target, std::vector<http::Header> headers = {}) {
    return call({"GET", std::move(target), std::move(headers), ""});
  }
  Answer steer(std::string target, json::object body = {}) {
    return call({"POST", "/_sim/" + std::move(target), {}, to_text(body)});
  }
  json::object stats() { return get("/_sim/stats").object(); }
  void advance(seconds time) { steer("advance", {{"seconds", time.count()}}); }

  static http::Request token_request(std::string form) {
    return {"POST",
            "/oauth/token",
            {{"authorization", "Basic " + to_base64(as_bytes("app:secret"))},
             {"content-type", "application/x-www-form-urlencoded"}},
            std::move(form)};
  }
  static http::Request refresh_request(const std::string& token) {
    return token_request("grant_type=refresh_token&refresh_token=" + token);
  }
  Answer refresh(const std::string& token) { return call(refresh_request(token)); }
  static std::vector<http::Header> bearer(const std::string& token) { return {{"authorization", "Bearer " + token}}; }

  boost::asio::io_context io_{1};
  Sim sim_;
  Front front_;
  std::optional<Courier> courier_;
  std::optional<http::BeastServer> server_;

 private:
  boost::asio::awaitable<void> exchange(http::Request request, std::shared_ptr<std::optional<Answer>> answer) {
    namespace beast_http = boost::beast::http;
    constexpr auto kTuple = boost::asio::as_tuple(boost::asio::use_awaitable);
    boost::asio::ip::tcp::socket socket(io_);
    const boost::asio::ip::tcp::endpoint endpoint(boost::asio::ip::address_v4::loopback(), server_->port());
    co_await socket.async_connect(endpoint, boost::asio::use_awaitable);
    std::string wire = request.method + " " + request.target +
                       " HTTP/1.1\r\nhost: sim\r\ncontent-length: " + std::to_string(request.body.size()) + "\r\n";
    for (const auto& header : request.headers) wire += header.name + ": " + header.value + "\r\n";
    wire += "\r\n" + request.body;
    co_await boost::asio::async_write(socket, boost::asio::buffer(wire), kTuple);
    boost::beast::flat_buffer buffer;
    beast_http::response<beast_http::string_body> message;
    const auto [error, size] = co_await beast_http::async_read(socket, buffer, message, kTuple);
    Answer got;
    got.body = message.body();
    if (!error) got.status = static_cast<int>(message.result_int());
    for (const auto& field : message) got.headers.push_back({std::string(field.name_string()), field.value()});
    *answer = std::move(got);
  }
};

}  // namespace keyfob::sim
