#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <unistd.h>

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <cstdio>

#include "http/client.hpp"
#include "testing/raw_server.hpp"

namespace keyfob::http {
namespace {

namespace asio = boost::asio;
using keyfob::testing::RawPeer;
using keyfob::testing::RawServer;
using ::testing::HasSubstr;
using Stream = asio::ssl::stream<asio::ip::tcp::socket&>;

constexpr BootTime kNow{Milliseconds(1'000'000)};
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

/// A self-signed certificate made for one test, with its file for ClientConfig::ca_file.
class Certificate {
 public:
  explicit Certificate(const char* subject_alternative) : key_(EVP_EC_gen("P-256")), certificate_(X509_new()) {
    X509_set_version(certificate_, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate_), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate_), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate_), 3600);
    X509_set_pubkey(certificate_, key_);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate_), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(certificate_, X509_get_subject_name(certificate_));
    extend(NID_subject_alt_name, subject_alternative);
    extend(NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(certificate_, key_, EVP_sha256());
    const int file = mkstemp(path_);
    std::FILE* out = fdopen(file, "w");
    PEM_write_X509(out, certificate_);
    std::fclose(out);
  }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;
  ~Certificate() {
    unlink(path_);
    X509_free(certificate_);
    EVP_PKEY_free(key_);
  }

  [[nodiscard]] std::string file() const { return path_; }
  void give_to(asio::ssl::context& context) const {
    SSL_CTX_use_certificate(context.native_handle(), certificate_);
    SSL_CTX_use_PrivateKey(context.native_handle(), key_);
  }

 private:
  void extend(int kind, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
    X509_add_ext(certificate_, extension, -1);
    X509_EXTENSION_free(extension);
  }

  EVP_PKEY* key_;
  X509* certificate_;
  char path_[32] = "/tmp/keyfob-test-XXXXXX";
};

class ClientTlsTest : public ::testing::Test {
 protected:
  explicit ClientTlsTest(const char* subject_alternative = "IP:127.0.0.1,DNS:localhost,DNS:idp.example")
      : certificate_(subject_alternative), server_tls_(asio::ssl::context::tls_server) {
    certificate_.give_to(server_tls_);
  }

  asio::awaitable<void> serve_tls(std::shared_ptr<RawPeer> peer) {
    Stream stream(peer->socket(), server_tls_);
    const auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::server, kTuple);
    if (error) {
      ++failed_handshakes_;
      co_return;
    }
    const char* name = SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name);
    names_.push_back(name == nullptr ? "" : name);
    for (;;) {
      char block[4096];
      const auto [bad, size] = co_await stream.async_read_some(asio::buffer(block), kTuple);
      if (bad) co_return;
      requests_ += std::string(block, size);
      co_await asio::async_write(stream, asio::buffer(answer_), kTuple);
      if (cut_after_answer_) co_return;
    }
  }

  RawServer tls_server() {
    return RawServer(context_, [this](std::shared_ptr<RawPeer> peer) { return serve_tls(std::move(peer)); });
  }

  ClientOutcome get(const ClientConfig& config, const std::string& origin) {
    if (!client_) client_.emplace(*Client::create(config, [] { return kNow; }));
    ClientRequest r;
    r.origin = origin;
    r.target = wiped_string("/x");
    std::optional<ClientOutcome> outcome;
    const ClientLimits limits{kNow + seconds(5), kNow + seconds(5)};
    asio::co_spawn(context_, client_->exchange(std::move(r), limits),
                   [&](const std::exception_ptr&, ClientOutcome got) { outcome.emplace(std::move(got)); });
    while (!outcome) context_.run_one();
    context_.poll();
    return *std::move(outcome);
  }

  static std::string https(const char* host, const RawServer& server) {
    return std::string("https://") + host + ":" + std::to_string(server.port());
  }

  asio::io_context context_;
  Certificate certificate_;
  asio::ssl::context server_tls_;
  std::string answer_ = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
  bool cut_after_answer_ = false;
  std::vector<std::string> names_;
  std::string requests_;
  int failed_handshakes_ = 0;
  std::optional<Client> client_;
};

TEST_F(ClientTlsTest, SpeaksToAServerWhoseCertificateIsTrustedAndNamed) {
  RawServer server = tls_server();
  for (int i = 0; i < 3; ++i) {
    const ClientOutcome outcome = get({.ca_file = certificate_.file()}, https("localhost", server));
    ASSERT_TRUE(outcome) << outcome.error().what;
    EXPECT_EQ(outcome->body, "hi");
  }
  EXPECT_EQ(server.connections(), 1) << "kept alive";
  EXPECT_THAT(names_, ::testing::ElementsAre("localhost"));
}

TEST_F(ClientTlsTest, AnAddressIsVerifiedAndNotSentAsName) {
  RawServer server = tls_server();
  EXPECT_TRUE(get({.ca_file = certificate_.file()}, https("127.0.0.1", server)));
  EXPECT_THAT(names_, ::testing::ElementsAre(""));
}

TEST_F(ClientTlsTest, AnUntrustedCertificateIsUnsent) {
  RawServer server = tls_server();
  const ClientOutcome outcome = get({}, https("localhost", server));
  ASSERT_FALSE(outcome);
  EXPECT_FALSE(outcome.error().sent);
  EXPECT_THAT(outcome.error().what, HasSubstr("self-signed"));
  EXPECT_EQ(requests_, "");
}

class ForeignCertificateTest : public ClientTlsTest {
 protected:
  ForeignCertificateTest() : ClientTlsTest("DNS:other.example,DNS:*.localhost,IP:127.0.0.2") {}
};

TEST_F(ForeignCertificateTest, ATrustedCertificateForAnotherNameIsUnsent) {
  RawServer server = tls_server();
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const ClientOutcome outcome = get({.ca_file = certificate_.file()}, https(host, server));
    ASSERT_FALSE(outcome);
    EXPECT_FALSE(outcome.error().sent);
    EXPECT_THAT(outcome.error().what, HasSubstr("mismatch"));
  }
  EXPECT_EQ(requests_, "");
}

TEST_F(ClientTlsTest, OldTlsIsUnsent) {
  SSL_CTX_set_max_proto_version(server_tls_.native_handle(), TLS1_1_VERSION);
  SSL_CTX_set_security_level(server_tls_.native_handle(), 0);
  RawServer server = tls_server();
  const ClientOutcome outcome = get({.ca_file = certificate_.file()}, https("localhost", server));
  ASSERT_FALSE(outcome);
  EXPECT_FALSE(outcome.error().sent);
}

TEST_F(ClientTlsTest, APeerThatDoesNotSpeakTlsIsUnsent) {
  RawServer server(context_, [](std::shared_ptr<RawPeer> peer) -> asio::awaitable<void> {
    co_await peer->send("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  const ClientOutcome outcome = get({.ca_file = certificate_.file()}, https("localhost", server));
  ASSERT_FALSE(outcome);
  EXPECT_FALSE(outcome.error().sent);
}

TEST_F(ClientTlsTest, AnEndWithoutCloseNotifyIsACutBody) {
  answer_ = "HTTP/1.1 200 OK\r\n\r\n{\"refresh";
  cut_after_answer_ = true;
  RawServer server = tls_server();
  const ClientOutcome outcome = get({.ca_file = certificate_.file()}, https("localhost", server));
  ASSERT_TRUE(outcome) << outcome.error().what;
  EXPECT_TRUE(outcome->cut);
  EXPECT_EQ(outcome->body, "{\"refresh");
}

TEST_F(ClientTlsTest, AMissingCaFileIsAnErrorAtOnce) {
  const auto client = Client::create({.ca_file = "/nonexistent/ca.pem"}, [] { return kNow; });
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::invalid_argument);
}

class ProxyTest : public ClientTlsTest {
 protected:
  RawServer proxy(std::string answer) {
    return RawServer(context_, [this, answer](std::shared_ptr<RawPeer> peer) -> asio::awaitable<void> {
      connect_ = co_await peer->request();
      std::string copy = answer;
      co_await peer->send(std::move(copy));
      co_await serve_tls(peer);
    });
  }
  std::string connect_;
};

TEST_F(ProxyTest, HttpsGoesThroughConnectAndIsVerifiedEndToEnd) {
  RawServer server = proxy("HTTP/1.1 200 Connection established\r\n\r\n");
  const ClientConfig config{.ca_file = certificate_.file(), .proxy = server.origin()};
  const ClientOutcome outcome = get(config, "https://idp.example");
  ASSERT_TRUE(outcome) << outcome.error().what;
  EXPECT_EQ(outcome->body, "hi");
  EXPECT_EQ(connect_, "CONNECT idp.example:443 HTTP/1.1\r\nHost: idp.example:443\r\n\r\n");
  EXPECT_THAT(requests_, HasSubstr("Host: idp.example\r\n"));
}

TEST_F(ProxyTest, ARefusingProxyIsUnsent) {
  RawServer server = proxy("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
  const ClientConfig config{.ca_file = certificate_.file(), .proxy = server.origin()};
  const ClientOutcome outcome = get(config, "https://idp.example");
  ASSERT_FALSE(outcome);
  EXPECT_FALSE(outcome.error().sent);
  EXPECT_THAT(outcome.error().what, HasSubstr("407"));
}

TEST_F(ProxyTest, LoopbackGoesStraight) {
  RawServer server = tls_server();
  const ClientConfig config{.ca_file = certificate_.file(), .proxy = "http://127.0.0.1:1"};
  EXPECT_TRUE(get(config, https("localhost", server)));
}

TEST_F(ProxyTest, AProxyThatIsNoPlainHttpProxyIsRefused) {
  for (const char* bad : {"proxy:3128", "https://proxy:3128", "http://user@proxy", "http://proxy/path"}) {
    EXPECT_FALSE(Client::create({.proxy = bad}, [] { return kNow; })) << bad;
  }
}

}  // namespace
}  // namespace keyfob::http
