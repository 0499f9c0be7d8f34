#pragma once
// Strict, sans-I/O scanner of HTTP/1.1 message heads (RFC 9112) over one contiguous buffer. It allocates nothing: a
// head is a list of offsets into the caller's buffer, recognised while they are scanned.
//
// Stricter than the RFC demands, because a proxy must never read a message otherwise than its neighbour does. Refused:
// bare LF or CR, control bytes, obs-fold, space before the colon, leading empty lines, any version but HTTP/1.1
// (requests; responses may be HTTP/1.0), absolute-, authority- and asterisk-form targets, CONNECT and TRACE, a missing,
// repeated or malformed Host, Content-Length that is repeated, a list or beyond 2^53, Transfer-Encoding other than
// exactly "chunked", both of them together or either spelled with an underscore, a Connection that names a field the
// message depends on, Expect other than 100-continue, Upgrade to anything but h2c (which is ignored), fields by which a
// peer may take another method or path than the request line's, framing on an interim response.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace keyfob::http {

enum class Method : std::uint8_t { get, head, post, put, patch, del, options, other };

/// RFC 9110 section 9.2.2.
[[nodiscard]] bool is_idempotent(Method method);

/// Fields that the relay itself acts on.
enum class FieldId : std::uint8_t {
  other,
  host,
  content_length,
  transfer_encoding,
  connection,
  keep_alive,
  proxy,  ///< any name that begins with "proxy-"
  te,
  trailer,
  upgrade,
  http2_settings,
  expect,
  authorization,
  overriding,  ///< X-HTTP-Method-Override, X-Original-URL and their like
};

/// One header line as offsets into the head: name at begin, value, end behind the CRLF.
struct Field {
  std::uint16_t begin = 0;
  std::uint16_t name_size = 0;
  std::uint16_t value_begin = 0;
  std::uint16_t value_size = 0;
  std::uint16_t end = 0;
  FieldId id = FieldId::other;
  bool hop_by_hop = false;  ///< by its id, or named by Connection
};

inline constexpr std::size_t kMaxHeadBytes = std::size_t{32} * 1024;
inline constexpr std::size_t kMaxFields = 100;

struct HeadLimits {
  std::size_t bytes = kMaxHeadBytes;
  std::size_t fields = kMaxFields;
};

enum class HeadFault : std::uint8_t {
  none,
  start_line,
  method,
  target,
  version,
  field_name,
  field_value,
  folded,
  line_end,
  too_long,
  too_many_fields,
  host,
  content_length,
  transfer_encoding,
  conflicting_framing,
  connection,
  expect,
  upgrade,
  overriding,
};
[[nodiscard]] std::string_view to_string(HeadFault fault);  ///< a few words for the error body
[[nodiscard]] int status_of(HeadFault fault);               ///< 400, 417, 431 or 505

/// What requests and responses have in common.
class Head {
 public:
  [[nodiscard]] std::span<const Field> fields() const { return {fields_.data(), count_}; }
  [[nodiscard]] std::string_view name(const Field& field) const { return {base_ + field.begin, field.name_size}; }
  [[nodiscard]] std::string_view value(const Field& field) const {
    return {base_ + field.value_begin, field.value_size};
  }
  /// First value of a field; names compare without case.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  /// How often a field occurs.
  [[nodiscard]] std::size_t count(std::string_view name) const;
  [[nodiscard]] std::string_view bytes(std::size_t begin, std::size_t end) const {
    return {base_ + begin, end - begin};
  }
  [[nodiscard]] std::string_view start_line() const { return bytes(0, start_line_size_); }  ///< with its CRLF
  [[nodiscard]] std::size_t size() const { return size_; }                                  ///< with the empty line
  /// The buffer was moved; offsets stay valid.
  void rebase(const char* base) { base_ = base; }

  bool chunked = false;
  bool close = false;  ///< Connection: close, or an HTTP/1.0 response
  std::optional<std::uint64_t> content_length{};

 protected:
  friend class HeadScan;
  const char* base_ = nullptr;
  std::size_t count_ = 0;
  std::size_t size_ = 0;
  std::size_t start_line_size_ = 0;
  std::array<Field, kMaxFields> fields_;
};

class RequestHead : public Head {
 public:
  [[nodiscard]] std::string_view method_name() const { return {base_, method_size_}; }
  [[nodiscard]] std::string_view target() const { return {base_ + method_size_ + 1, target_size_}; }
  [[nodiscard]] std::string_view path() const { return {base_ + method_size_ + 1, path_size_}; }
  [[nodiscard]] std::string_view query() const;          ///< without '?'
  [[nodiscard]] std::string_view authorization() const;  ///< empty when there is none; a second one is refused
  [[nodiscard]] bool has_body() const { return chunked || content_length.value_or(0) != 0; }

  Method method = Method::other;
  bool expect_continue = false;

 private:
  friend class HeadScan;
  std::size_t method_size_ = 0;
  std::size_t target_size_ = 0;
  std::size_t path_size_ = 0;
  std::size_t authorization_ = kMaxFields;  ///< index
};

class ResponseHead : public Head {
 public:
  int status = 0;
};

enum class ScanStatus : std::uint8_t { complete, incomplete, refused };
struct ScanResult {
  ScanStatus status = ScanStatus::incomplete;
  HeadFault fault = HeadFault::none;
};

/// Scans the head at the front of `text`. Views of `head` point into `text`. `head` is meaningful when complete only.
[[nodiscard]] ScanResult scan_request(std::string_view text, const HeadLimits& limits, RequestHead& head);
[[nodiscard]] ScanResult scan_response(std::string_view text, const HeadLimits& limits, ResponseHead& head);

/// RFC 9110 section 5.6.2.
[[nodiscard]] bool is_token(std::string_view text);
/// RFC 9110 section 5.5: no control byte but HTAB.
[[nodiscard]] bool is_field_value(std::string_view text);

}  // namespace keyfob::http
