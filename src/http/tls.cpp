#include "http/tls.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <string_view>

namespace keyfob::http {
namespace {

Wire& wire_of(BIO* bio) { return *static_cast<Wire*>(BIO_get_data(bio)); }

int bio_write(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  const IoResult result = wire_of(bio).wire_write({data, static_cast<std::size_t>(size)});
  if (result.status == IoStatus::ok) return static_cast<int>(result.bytes);
  if (result.status == IoStatus::blocked) BIO_set_retry_write(bio);
  return -1;
}

int bio_read(BIO* bio, char* data, int size) {
  BIO_clear_retry_flags(bio);
  const IoResult result = wire_of(bio).wire_read({data, static_cast<std::size_t>(size)});
  if (result.status == IoStatus::ok) return static_cast<int>(result.bytes);
  if (result.status == IoStatus::end) return 0;
  if (result.status == IoStatus::blocked) BIO_set_retry_read(bio);
  return -1;
}

long bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

const BIO_METHOD* wire_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "keyfob wire");
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

SSL* new_session(const TlsContext& context, Wire& wire) {
  SSL* session = SSL_new(context.native());
  BIO* bio = BIO_new(wire_method());
  if (session == nullptr || bio == nullptr) {
    SSL_free(session);
    BIO_free(bio);
    return nullptr;
  }
  BIO_set_data(bio, &wire);
  BIO_set_init(bio, 1);
  SSL_set_bio(session, bio, bio);
  return session;
}

void prepare(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // Of TLS 1.2 only what has forward secrecy and authenticated encryption; TLS 1.3 has nothing else.
  SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!PSK:!SRP");
  SSL_CTX_set_mode(context,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_read_ahead(context, 1);
}

std::unexpected<Error> bad_file(const std::string& what, const std::string& file) {
  ERR_clear_error();
  return fail(ErrorCode::invalid_argument, what + ": " + file, "give a readable PEM file");
}

bool is_address(const std::string& host) {
  return host.find(':') != std::string::npos || host.find_first_not_of("0123456789.") == std::string::npos;
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const noexcept { SSL_CTX_free(context); }
void TlsSession::Free::operator()(ssl_st* session) const noexcept { SSL_free(session); }

Result<std::shared_ptr<TlsContext>> TlsContext::server(const TlsFiles& files) {
  std::shared_ptr<TlsContext> made(new TlsContext(SSL_CTX_new(TLS_server_method())));
  SSL_CTX* context = made->native();
  if (context == nullptr) return fail(ErrorCode::internal, "no TLS context");
  prepare(context);
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1) {
    return bad_file("no TLS certificate in", files.certificate);
  }
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return bad_file("no TLS key for this certificate in", files.key);
  }
  if (files.client_ca.empty()) return made;
  if (SSL_CTX_load_verify_locations(context, files.client_ca.c_str(), nullptr) != 1) {
    return bad_file("no CA certificate in", files.client_ca);
  }
  SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(files.client_ca.c_str()));
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  constexpr std::string_view kSessionContext = "keyfob";
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(kSessionContext.data()),
                                 static_cast<unsigned>(kSessionContext.size()));
  return made;
}

Result<std::shared_ptr<TlsContext>> TlsContext::client(const std::string& ca_file) {
  std::shared_ptr<TlsContext> made(new TlsContext(SSL_CTX_new(TLS_client_method())));
  SSL_CTX* context = made->native();
  if (context == nullptr) return fail(ErrorCode::internal, "no TLS context");
  prepare(context);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr) != 1) {
    return bad_file("no CA certificate in", ca_file);
  }
  return made;
}

std::unique_ptr<TlsSession> TlsSession::accept(const TlsContext& context, Wire& wire) {
  SSL* session = new_session(context, wire);
  if (session == nullptr) return nullptr;
  SSL_set_accept_state(session);
  return std::unique_ptr<TlsSession>(new TlsSession(session));
}

std::unique_ptr<TlsSession> TlsSession::connect(const TlsContext& context, Wire& wire, const std::string& host) {
  SSL* session = new_session(context, wire);
  if (session == nullptr) return nullptr;
  std::unique_ptr<TlsSession> made(new TlsSession(session));
  SSL_set_connect_state(session);
  X509_VERIFY_PARAM_set_hostflags(SSL_get0_param(session), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (is_address(host)) {
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host.c_str()) != 1) return nullptr;
    return made;
  }
  if (SSL_set1_host(session, host.c_str()) != 1) return nullptr;
  if (SSL_set_tlsext_host_name(session, host.c_str()) != 1) return nullptr;
  return made;
}

IoStatus TlsSession::status_of(int result) const {
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_NONE: return IoStatus::ok;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return IoStatus::blocked;
    case SSL_ERROR_ZERO_RETURN: return IoStatus::end;
    default: ERR_clear_error(); return IoStatus::broken;
  }
}

IoStatus TlsSession::handshake() {
  ERR_clear_error();
  return status_of(SSL_do_handshake(session_.get()));
}

IoResult TlsSession::read(std::span<char> into) {
  ERR_clear_error();
  const int got = SSL_read(session_.get(), into.data(), static_cast<int>(into.size()));
  if (got > 0) return {IoStatus::ok, static_cast<std::size_t>(got)};
  return {status_of(got), 0};
}

IoResult TlsSession::write(std::span<const char> from) {
  ERR_clear_error();
  const int put = SSL_write(session_.get(), from.data(), static_cast<int>(from.size()));
  if (put > 0) return {IoStatus::ok, static_cast<std::size_t>(put)};
  return {status_of(put), 0};
}

void TlsSession::finish() {
  if (SSL_is_init_finished(session_.get()) == 0) return;
  ERR_clear_error();
  SSL_shutdown(session_.get());
  ERR_clear_error();
}

std::string TlsSession::peer_name() const {
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(session_.get()), &X509_free);
  if (certificate == nullptr) return {};
  auto* names =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr));
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> guard(names, &GENERAL_NAMES_free);
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    int type = 0;
    const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
    if (type != GEN_DNS && type != GEN_URI && type != GEN_EMAIL) continue;
    const auto* text = static_cast<const ASN1_IA5STRING*>(value);
    const std::string_view name(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                                static_cast<std::size_t>(ASN1_STRING_length(text)));
    if (name.find('\0') == std::string_view::npos) return std::string(name);
  }
  return {};
}

}  // namespace keyfob::http
