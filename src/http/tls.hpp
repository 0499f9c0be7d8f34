#pragma once
// TLS 1.2+ over a non-blocking wire (OpenSSL). The session never touches a descriptor: it asks a Wire, which knows
// whether the socket is worth a system call.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.hpp"
#include "http/loop_socket.hpp"

struct ssl_st;
struct ssl_ctx_st;

namespace keyfob::http {

/// Where a session's ciphertext goes.
class Wire {
 public:
  virtual IoResult wire_read(std::span<char> into) = 0;
  virtual IoResult wire_write(std::span<const char> from) = 0;

 protected:
  ~Wire() = default;
};

struct TlsFiles {
  std::string certificate;  ///< PEM chain
  std::string key;          ///< PEM
  std::string
      client_ca{};  ///< set: clients must present a certificate of this CA; its SAN becomes Peer::certificate_name
};

/// Immutable after creation; any thread.
class TlsContext {
 public:
  /// invalid_argument: a file is missing, not PEM, or key and certificate do not belong together.
  static Result<std::shared_ptr<TlsContext>> server(const TlsFiles& files);
  /// Verifies peers against `ca_file`, or the system's certificates when it is empty.
  static Result<std::shared_ptr<TlsContext>> client(const std::string& ca_file);

  [[nodiscard]] ssl_ctx_st* native() const { return context_.get(); }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const noexcept;
  };
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
  std::unique_ptr<ssl_ctx_st, Free> context_;
};

/// One connection. `wire` must outlive it.
class TlsSession {
 public:
  static std::unique_ptr<TlsSession> accept(const TlsContext& context, Wire& wire);
  /// Sends `host` as SNI (unless it is an address) and accepts only a certificate for it. Null when out of memory.
  static std::unique_ptr<TlsSession> connect(const TlsContext& context, Wire& wire, const std::string& host);

  [[nodiscard]] IoStatus handshake();
  [[nodiscard]] IoResult read(std::span<char> into);
  /// After `blocked` the next write must begin with the same bytes.
  [[nodiscard]] IoResult write(std::span<const char> from);
  /// Tells the peer that nothing more will come. Best effort.
  void finish();
  /// First DNS, URI or e-mail SAN of the verified peer certificate; empty without one.
  [[nodiscard]] std::string peer_name() const;

 private:
  struct Free {
    void operator()(ssl_st* session) const noexcept;
  };
  explicit TlsSession(ssl_st* session) : session_(session) {}
  [[nodiscard]] IoStatus status_of(int result) const;
  std::unique_ptr<ssl_st, Free> session_;
};

}  // namespace keyfob::http
