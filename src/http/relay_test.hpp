#pragma once
// The relay between a raw caller and a scripted origin: every byte on both sides is seen.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <future>
#include <mutex>
#include <semaphore>

#include "http/problem.hpp"
#include "http/server.hpp"
#include "http/worker.hpp"
#include "testing/net/loop_under_test.hpp"
#include "testing/net/sockets.hpp"

namespace keyfob::http {

using keyfob::testing::answer_each;
using keyfob::testing::Message;
using keyfob::testing::ok_response;
using keyfob::testing::read_message;
using keyfob::testing::ScriptedOrigin;
using keyfob::testing::Socket;

/// What a test wants of a conversation; the defaults forward and pass.
struct Script {
  std::string url;
  std::function<void(Exchange&, Origin&)> on_request = [](Exchange& exchange, Origin& origin) {
    exchange.forward(origin);
  };
  std::function<void(Exchange&, const ResponseHead&, Origin&)> on_response = [](Exchange& exchange, const ResponseHead&,
                                                                                Origin&) { exchange.pass(); };
  std::function<void(const Outcome&)> on_end = [](const Outcome&) {};
};

class ScriptedConversation final : public Conversation {
 public:
  ScriptedConversation(const Script& script, Origin& origin) : script_(script), origin_(origin) {}
  void on_request(Exchange& exchange) override { script_.on_request(exchange, origin_); }
  void on_response(Exchange& exchange, const ResponseHead& head) override {
    script_.on_response(exchange, head, origin_);
  }
  void on_failure(Exchange& exchange, UpstreamFailure failure) override {
    constexpr std::array<std::string_view, 4> kNames = {"unreachable", "timeout", "malformed", "busy"};
    exchange.respond(Answer{.status = failure == UpstreamFailure::timeout ? 504 : 502,
                            .body = kNames.at(static_cast<std::size_t>(failure))});
  }
  void on_end(const Outcome& outcome) override { script_.on_end(outcome); }

 private:
  const Script& script_;
  Origin& origin_;
};

class ScriptedService final : public Service {
 public:
  ScriptedService(const Script& script, Origin& origin) : script_(script), origin_(origin) {}
  std::unique_ptr<Conversation> converse(const Peer&) override {
    return std::make_unique<ScriptedConversation>(script_, origin_);
  }
  Response refuse(int status, std::string_view why) override {
    return problem_response({.status = status, .code = {}, .detail = std::string(why)}, {});
  }

 private:
  const Script& script_;
  Origin& origin_;
};

class RelayTest : public ::testing::Test {
 protected:
  ~RelayTest() override {
    server_.reset();
    background_.join();
  }

  void start(const ScriptedOrigin& origin) {
    script_.url = origin.url();
    start();
  }
  void start() {
    config_.listen = {"127.0.0.1:0"};
    config_.event_loop = keyfob::testing::loop_under_test();
    config_.private_prefixes = {"secret-"};
    auto factory = [this](Worker& worker) -> Result<std::unique_ptr<Service>> {
      auto origin = worker.origin(script_.url);
      if (!origin) return fail(origin.error());
      return std::make_unique<ScriptedService>(script_, **origin);
    };
    auto started = Server::start(config_, factory, background_.get_executor());
    ASSERT_TRUE(started.has_value()) << started.error().what;
    server_ = std::move(*started);
  }
  Socket client() { return Socket::connect(server_->endpoints().front()); }
  Message ask(std::string_view request) {
    Socket socket = client();
    socket.write(request);
    return read_message(socket);
  }

  ServerConfig config_;
  Script script_;
  boost::asio::thread_pool background_{1};
  std::unique_ptr<Server> server_;
};

inline constexpr std::string_view kGet = "GET /path?q=1 HTTP/1.1\r\nHost: proxy\r\n\r\n";

inline std::string post(std::string_view body) {
  return "POST /p HTTP/1.1\r\nHost: proxy\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

inline std::string patterned(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 1000) % 26);
  return text;
}

}  // namespace keyfob::http
