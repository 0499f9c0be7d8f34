// TLS on both sides of the relay: our own TLS listener is the origin.

#include <openssl/ssl.h>
#include <sys/socket.h>

#include "http/relay_test.hpp"
#include "testing/net/certificate.hpp"

namespace keyfob::http {
namespace {

using keyfob::testing::CertificateFiles;
using ::testing::StartsWith;

boost::asio::awaitable<Response> echo(Request request) {
  Response response;
  response.body = request.method + ' ' + request.target + ' ' + request.body;
  co_return response;
}

class RelayTlsTest : public RelayTest {
 protected:
  ~RelayTlsTest() override { origin_.reset(); }

  void start_origin(const CertificateFiles& certificate, Handler handler = echo) {
    ServerConfig config;
    config.listen = {"127.0.0.1:0"};
    config.tls = TlsFiles{certificate.certificate(), certificate.key()};
    config.limits.body_bytes = std::size_t{64} * 1024 * 1024;
    auto started =
        Server::start(std::move(config), serve_handler(std::move(handler)), origin_background_.get_executor());
    ASSERT_TRUE(started.has_value()) << started.error().what;
    origin_ = std::move(*started);
    script_.url = "https://" + origin_->endpoints().front();
  }

  boost::asio::thread_pool origin_background_{1};
  std::unique_ptr<Server> origin_;
};

TEST_F(RelayTlsTest, reaches_an_origin_whose_certificate_it_trusts) {
  const CertificateFiles certificate("IP:127.0.0.1");
  start_origin(certificate);
  config_.ca_file = certificate.certificate();
  start();
  Socket socket = client();
  for (int i = 0; i < 5; ++i) {
    socket.write(post("hello"));
    EXPECT_EQ(read_message(socket).body, "POST /p hello");
  }
  EXPECT_EQ(origin_->stats().accepted, 1U);
}

TEST_F(RelayTlsTest, checks_the_name_when_it_is_one) {
  const CertificateFiles certificate("DNS:localhost");
  start_origin(certificate);
  const std::string address = origin_->endpoints().front();
  script_.url = "https://localhost" + address.substr(address.find(':'));
  config_.ca_file = certificate.certificate();
  start();
  EXPECT_EQ(ask(kGet).body, "GET /path?q=1 ");
}

TEST_F(RelayTlsTest, refuses_a_certificate_for_another_host) {
  const CertificateFiles certificate("DNS:elsewhere.example");
  start_origin(certificate);
  config_.ca_file = certificate.certificate();
  start();
  EXPECT_EQ(ask(kGet).body, "unreachable");
  EXPECT_EQ(origin_->stats().requests, 0U);
}

TEST_F(RelayTlsTest, refuses_a_certificate_of_an_unknown_authority) {
  const CertificateFiles certificate("IP:127.0.0.1");
  const CertificateFiles other("IP:127.0.0.1");
  start_origin(certificate);
  config_.ca_file = other.certificate();
  start();
  EXPECT_EQ(ask(kGet).body, "unreachable");
  EXPECT_EQ(origin_->stats().requests, 0U);
}

TEST_F(RelayTlsTest, carries_large_bodies_in_both_directions) {
  const CertificateFiles certificate("IP:127.0.0.1");
  start_origin(certificate);
  config_.ca_file = certificate.certificate();
  config_.limits.replay_bytes = 1000;
  start();
  const std::string body = patterned(5'000'000);
  Socket socket = client();
  auto writer = std::async(std::launch::async, [&] { socket.write(post(body)); });
  EXPECT_TRUE(read_message(socket).body == "POST /p " + body);
}

TEST_F(RelayTlsTest, says_which_file_is_wrong) {
  const auto started = Server::start({.listen = {"127.0.0.1:0"}, .tls = TlsFiles{"/nowhere.pem", "/nowhere.key"}},
                                     serve_handler(echo), background_.get_executor());
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(started.error().what, ::testing::HasSubstr("/nowhere.pem"));
}

/// One request over TLS with a client certificate; empty when the handshake or the request fails.
std::string ask_with_certificate(const std::string& endpoint, const CertificateFiles* client) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (client != nullptr) {
    SSL_CTX_use_certificate_file(context, client->certificate().c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_use_PrivateKey_file(context, client->key().c_str(), SSL_FILETYPE_PEM);
  }
  Socket socket = Socket::connect(endpoint);
  SSL* session = SSL_new(context);
  SSL_set_fd(session, socket.descriptor());
  constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  std::string answer;
  if (SSL_connect(session) == 1 && SSL_write(session, kRequest.data(), static_cast<int>(kRequest.size())) > 0) {
    std::array<char, 4096> block;
    for (int got = 0; (got = SSL_read(session, block.data(), static_cast<int>(block.size()))) > 0;) {
      answer.append(block.data(), static_cast<std::size_t>(got));
    }
  }
  SSL_free(session);
  SSL_CTX_free(context);
  return answer;
}

TEST_F(RelayTlsTest, knows_a_caller_by_its_certificate_and_refuses_one_without) {
  const CertificateFiles certificate("IP:127.0.0.1");
  const CertificateFiles caller("DNS:backend.example");
  ServerConfig config;
  config.listen = {"127.0.0.1:0"};
  config.tls = TlsFiles{certificate.certificate(), certificate.key(), caller.certificate()};
  std::string name;
  script_.url = "http://127.0.0.1:1";
  script_.on_request = [&](Exchange& exchange, Origin&) {
    name = exchange.peer().certificate_name;
    exchange.respond(Answer{.body = "known"});
  };
  config_ = config;
  start();
  EXPECT_THAT(ask_with_certificate(server_->endpoints().front(), &caller), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(name, "backend.example");
  EXPECT_EQ(ask_with_certificate(server_->endpoints().front(), nullptr), "");
}

}  // namespace
}  // namespace keyfob::http
