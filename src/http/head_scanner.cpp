#include "http/head_scanner.hpp"

#include <algorithm>
#include <cstring>

#include "http/byte_scan.hpp"
#include "http/char_class.hpp"

namespace keyfob::http {
namespace {

constexpr std::uint64_t kMaxContentLength = std::uint64_t{1} << 53U;

FieldId classify_short(std::string_view name) {
  switch (name.size()) {
    case 2: return same_name(name, "te") ? FieldId::te : FieldId::other;
    case 4: return same_name(name, "host") ? FieldId::host : FieldId::other;
    case 6: return same_name(name, "expect") ? FieldId::expect : FieldId::other;
    case 7:
      if (same_name(name, "upgrade")) return FieldId::upgrade;
      return same_name(name, "trailer") ? FieldId::trailer : FieldId::other;
    default: return FieldId::other;
  }
}

FieldId classify_long(std::string_view name) {
  switch (name.size()) {
    case 10:
      if (same_name(name, "connection")) return FieldId::connection;
      return same_name(name, "keep-alive") ? FieldId::keep_alive : FieldId::other;
    case 13:
      if (same_name(name, "authorization")) return FieldId::authorization;
      if (same_name(name, "x-http-method")) return FieldId::overriding;
      return same_name(name, "x-rewrite-url") ? FieldId::overriding : FieldId::other;
    case 14:
      if (same_name(name, "content-length")) return FieldId::content_length;
      if (same_name(name, "http2-settings")) return FieldId::http2_settings;
      return same_name(name, "x-original-url") ? FieldId::overriding : FieldId::other;
    case 17:
      if (same_name(name, "transfer-encoding")) return FieldId::transfer_encoding;
      return same_name(name, "x-method-override") ? FieldId::overriding : FieldId::other;
    case 22: return same_name(name, "x-http-method-override") ? FieldId::overriding : FieldId::other;
    default: return FieldId::other;
  }
}

FieldId classify(std::string_view name) {
  if (name.size() < 8) return classify_short(name);
  const FieldId id = classify_long(name);
  if (id != FieldId::other) return id;
  return same_name(name.substr(0, 6), "proxy-") ? FieldId::proxy : FieldId::other;
}

bool is_hop_by_hop(FieldId id) {
  switch (id) {
    case FieldId::connection:
    case FieldId::keep_alive:
    case FieldId::proxy:
    case FieldId::te:
    case FieldId::trailer:
    case FieldId::transfer_encoding:
    case FieldId::http2_settings:
    case FieldId::upgrade: return true;
    default: return false;
  }
}

/// Fields that the meaning or the safety of the message hangs on: a Connection that names one is an attack.
bool may_not_be_named(FieldId id) {
  return id == FieldId::host || id == FieldId::content_length || id == FieldId::transfer_encoding ||
         id == FieldId::authorization || id == FieldId::expect;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Takes the next element off a comma-separated list.
std::string_view next_element(std::string_view& list) {
  const auto comma = list.find(',');
  const std::string_view element = trim(list.substr(0, comma));
  list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  return element;
}

std::optional<std::uint64_t> parse_length(std::string_view text) {
  if (text.empty() || text.size() > 16 || !all_in(text, kDigitChar)) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) value = value * 10 + static_cast<std::uint64_t>(c - '0');
  if (value > kMaxContentLength) return std::nullopt;
  return value;
}

bool is_port(std::string_view text) { return text.empty() || (text.size() <= 5 && all_in(text, kDigitChar)); }

bool is_host(std::string_view text) {
  if (text.empty()) return false;
  if (text.front() == '[') {
    const auto close = text.find(']');
    if (close == std::string_view::npos || close < 3) return false;
    for (const char c : text.substr(1, close - 1)) {
      if (!is_in(c, kHexChar) && c != ':' && c != '.') return false;
    }
    const std::string_view rest = text.substr(close + 1);
    return rest.empty() || (rest.front() == ':' && is_port(rest.substr(1)));
  }
  const auto colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  if (name.empty() || !all_in(name, kHostChar)) return false;
  return colon == std::string_view::npos || is_port(text.substr(colon + 1));
}

Method method_from(std::string_view name) {
  if (name == "GET") return Method::get;
  if (name == "POST") return Method::post;
  if (name == "PUT") return Method::put;
  if (name == "HEAD") return Method::head;
  if (name == "PATCH") return Method::patch;
  if (name == "DELETE") return Method::del;
  if (name == "OPTIONS") return Method::options;
  return Method::other;
}

bool percent_signs_are_encodings(std::string_view target) {
  for (auto at = target.find('%'); at != std::string_view::npos; at = target.find('%', at + 1)) {
    if (at + 2 >= target.size() || !is_in(target[at + 1], kHexChar) || !is_in(target[at + 2], kHexChar)) return false;
  }
  return true;
}

}  // namespace

/// One scan: a cursor over the text and the head being filled.
class HeadScan {
 public:
  HeadScan(std::string_view text, const HeadLimits& limits, Head& head)
      : limits_(limits), head_(head), begin_(text.data()), at_(begin_) {
    const std::size_t most = std::min(limits.bytes, kMaxHeadBytes);
    end_ = begin_ + std::min(text.size(), most);
    cut_ = text.size() > most || text.size() == most;
    head_.base_ = begin_;
    head_.count_ = 0;
    head_.chunked = false;
    head_.close = false;
    head_.content_length.reset();
  }

  ScanResult request(RequestHead& head) {
    request_ = &head;
    head.expect_continue = false;
    head.authorization_ = kMaxFields;
    if (!request_line(head) || !fields() || !meaning() || !request_meaning()) return outcome();
    return {ScanStatus::complete, HeadFault::none};
  }

  ScanResult response(ResponseHead& head) {
    if (!status_line(head) || !fields() || !meaning() || !response_meaning(head)) return outcome();
    return {ScanStatus::complete, HeadFault::none};
  }

 private:
  bool refuse(HeadFault fault) {
    fault_ = fault;
    return false;
  }
  [[nodiscard]] ScanResult outcome() const {
    if (fault_ != HeadFault::none) return {ScanStatus::refused, fault_};
    if (cut_) return {ScanStatus::refused, HeadFault::too_long};
    return {ScanStatus::incomplete, HeadFault::none};
  }
  /// "Content_Length" is another field to us and may be the same to a peer, and not every peer takes a tab for white
  /// space: one of us would be wrong about the end.
  [[nodiscard]] bool is_doubtful(const Field& field) const {
    return head_.name(field).find('_') != std::string_view::npos ||
           head_.bytes(field.begin, field.end).find('\t') != std::string_view::npos;
  }
  [[nodiscard]] std::size_t offset(const char* at) const { return static_cast<std::size_t>(at - begin_); }
  [[nodiscard]] std::uint16_t short_offset(const char* at) const { return static_cast<std::uint16_t>(at - begin_); }

  /// At a control byte: CRLF is taken; anything else is refused; false without a fault when more bytes are needed.
  bool line_end() {
    if (at_ == end_) return false;
    if (*at_ != '\r') return refuse(*at_ == '\n' ? HeadFault::line_end : HeadFault::field_value);
    if (end_ - at_ < 2) return false;
    if (at_[1] != '\n') return refuse(HeadFault::line_end);
    at_ += 2;
    return true;
  }

  bool request_line(RequestHead& head);
  bool request_target(RequestHead& head);
  bool status_line(ResponseHead& head);
  bool fields();
  bool field();
  bool meaning();
  bool act_on(const Field& field);
  bool connection_options(std::string_view list);
  bool mark_named(std::string_view name);
  bool request_meaning();
  bool response_meaning(const ResponseHead& head);
  bool act_on_in_request(const Field& field, std::size_t index);

  const HeadLimits& limits_;
  Head& head_;
  RequestHead* request_ = nullptr;
  const char* begin_;
  const char* at_;
  const char* end_ = nullptr;
  bool cut_ = false;  ///< the text is as long as a head may be: incomplete means too long
  bool names_fields_ = false;
  unsigned hosts_ = 0;
  HeadFault fault_ = HeadFault::none;
};

bool HeadScan::request_line(RequestHead& head) {
  while (at_ != end_ && is_in(*at_, kTokenChar)) ++at_;
  if (offset(at_) > 32) return refuse(HeadFault::method);
  if (at_ == end_) return false;
  if (at_ == begin_ || *at_ != ' ') return refuse(HeadFault::start_line);
  head.method_size_ = offset(at_);
  head.method = method_from(head.method_name());
  if (head.method == Method::other && (head.method_name() == "CONNECT" || head.method_name() == "TRACE")) {
    return refuse(HeadFault::method);
  }
  ++at_;
  return request_target(head);
}

bool HeadScan::request_target(RequestHead& head) {
  const char* target = at_;
  while (at_ != end_ && is_in(*at_, kTargetChar)) ++at_;
  if (at_ != target && *target != '/') return refuse(HeadFault::target);
  if (at_ == end_) return false;
  if (*at_ != ' ' || at_ == target) return refuse(HeadFault::target);
  head.target_size_ = static_cast<std::size_t>(at_ - target);
  if (!percent_signs_are_encodings(head.target())) return refuse(HeadFault::target);
  const void* question = std::memchr(target, '?', head.target_size_);
  head.path_size_ =
      question == nullptr ? head.target_size_ : static_cast<std::size_t>(static_cast<const char*>(question) - target);
  ++at_;
  constexpr std::string_view kVersion = "HTTP/1.1\r\n";
  const auto have = static_cast<std::size_t>(end_ - at_);
  const std::string_view rest(at_, std::min(have, kVersion.size()));
  if (rest != kVersion.substr(0, rest.size())) {
    const bool other_version = rest.starts_with("HTTP/") && rest.substr(0, 8) != "HTTP/1.1";
    return refuse(other_version ? HeadFault::version : HeadFault::start_line);
  }
  if (rest.size() < kVersion.size()) return false;
  at_ += kVersion.size();
  head_.start_line_size_ = offset(at_);
  return true;
}

bool HeadScan::status_line(ResponseHead& head) {
  constexpr std::string_view kVersion = "HTTP/1.";
  const std::string_view text(at_, static_cast<std::size_t>(end_ - at_));
  const std::string_view version = text.substr(0, kVersion.size());
  if (version != kVersion.substr(0, version.size())) return refuse(HeadFault::start_line);
  if (text.size() < 13) return false;
  if (text[7] != '0' && text[7] != '1') return refuse(HeadFault::version);
  head.close = text[7] == '0';
  const std::string_view code = text.substr(9, 3);
  if (text[8] != ' ' || !all_in(code, kDigitChar) || code[0] == '0' || code[0] > '5') {
    return refuse(HeadFault::start_line);
  }
  head.status = (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
  if (text[12] != ' ' && text[12] != '\r') return refuse(HeadFault::start_line);
  at_ = find_control(at_ + 12, end_);
  if (!line_end()) return false;
  head_.start_line_size_ = offset(at_);
  return true;
}

bool HeadScan::fields() {
  for (;;) {
    if (at_ == end_) return false;
    if (*at_ == '\r') {
      if (!line_end()) return false;
      head_.size_ = offset(at_);
      return true;
    }
    if (!field()) return false;
  }
}

bool HeadScan::field() {
  if (*at_ == ' ' || *at_ == '\t') return refuse(HeadFault::folded);
  const char* name = at_;
  at_ = skip_plain_name(at_, end_);
  while (at_ != end_ && is_in(*at_, kTokenChar)) ++at_;
  if (at_ == end_) return false;
  if (*at_ != ':' || at_ == name) return refuse(*at_ == '\n' ? HeadFault::line_end : HeadFault::field_name);
  if (head_.count_ >= std::min(limits_.fields, kMaxFields)) return refuse(HeadFault::too_many_fields);
  const char* colon = at_++;
  while (at_ != end_ && (*at_ == ' ' || *at_ == '\t')) ++at_;
  const char* value = at_;
  at_ = find_control(at_, end_);
  const char* value_end = at_;
  if (!line_end()) return false;
  while (value_end != value && (value_end[-1] == ' ' || value_end[-1] == '\t')) --value_end;

  Field& field = head_.fields_[head_.count_++];
  field.begin = short_offset(name);
  field.name_size = static_cast<std::uint16_t>(colon - name);
  field.value_begin = short_offset(value);
  field.value_size = static_cast<std::uint16_t>(value_end - value);
  field.end = short_offset(at_);
  field.id = classify({name, field.name_size});
  field.hop_by_hop = is_hop_by_hop(field.id);
  return true;
}

bool HeadScan::meaning() {
  for (const Field& field : head_.fields()) {
    if (field.id != FieldId::other && !act_on(field)) return false;
  }
  if (head_.chunked && head_.content_length) return refuse(HeadFault::conflicting_framing);
  if (!names_fields_) return true;
  for (const Field& field : head_.fields()) {
    if (field.id != FieldId::connection) continue;
    for (std::string_view list = head_.value(field); !list.empty();) {
      if (!mark_named(next_element(list))) return false;
    }
  }
  return true;
}

bool HeadScan::act_on(const Field& field) {
  const std::string_view value = head_.value(field);
  switch (field.id) {
    case FieldId::host: ++hosts_; return request_ == nullptr || is_host(value) || refuse(HeadFault::host);
    case FieldId::content_length:
      if (is_doubtful(field)) return refuse(HeadFault::field_name);
      if (head_.content_length) return refuse(HeadFault::content_length);
      head_.content_length = parse_length(value);
      return head_.content_length.has_value() || refuse(HeadFault::content_length);
    case FieldId::transfer_encoding:
      if (is_doubtful(field)) return refuse(HeadFault::field_name);
      if (head_.chunked || !equals_lower(value, "chunked")) return refuse(HeadFault::transfer_encoding);
      if (begin_[7] == '0' && request_ == nullptr) return refuse(HeadFault::transfer_encoding);
      head_.chunked = true;
      return true;
    case FieldId::connection: return connection_options(value);
    case FieldId::expect:
    case FieldId::upgrade:
    case FieldId::overriding:
    case FieldId::authorization:
      return request_ == nullptr || act_on_in_request(field, static_cast<std::size_t>(&field - head_.fields_.data()));
    default: return true;
  }
}

bool HeadScan::act_on_in_request(const Field& field, std::size_t index) {
  const std::string_view value = head_.value(field);
  if (field.id == FieldId::expect) {
    if (!equals_lower(value, "100-continue")) return refuse(HeadFault::expect);
    request_->expect_continue = true;
  } else if (field.id == FieldId::upgrade) {
    if (!equals_lower(value, "h2c")) return refuse(HeadFault::upgrade);
  } else if (field.id == FieldId::overriding) {
    return refuse(HeadFault::overriding);
  } else {
    if (request_->authorization_ != kMaxFields) return refuse(HeadFault::field_name);
    request_->authorization_ = index;
  }
  return true;
}

bool HeadScan::connection_options(std::string_view list) {
  while (!list.empty()) {
    const std::string_view option = next_element(list);
    if (option.empty()) continue;
    if (!is_token(option)) return refuse(HeadFault::connection);
    if (equals_lower(option, "close")) {
      head_.close = true;
    } else if (!equals_lower(option, "keep-alive")) {
      names_fields_ = true;
    }
  }
  return true;
}

bool HeadScan::mark_named(std::string_view name) {
  if (name.empty()) return true;
  if (may_not_be_named(classify(name))) return refuse(HeadFault::connection);
  for (Field& field : std::span(head_.fields_.data(), head_.count_)) {
    const std::string_view own = head_.name(field);
    if (own.size() != name.size()) continue;
    bool same = true;
    for (std::size_t i = 0; same && i < own.size(); ++i) same = to_lower(own[i]) == to_lower(name[i]);
    field.hop_by_hop |= same;
  }
  return true;
}

bool HeadScan::request_meaning() { return hosts_ == 1 || refuse(HeadFault::host); }

/// RFC 9110 section 8.6 and RFC 9112 section 6.1: an interim response has no framing. "Content-Length: 0" is said by
/// some and harmless.
bool HeadScan::response_meaning(const ResponseHead& head) {
  const bool framed = head.chunked || head.content_length.value_or(0) != 0;
  return head.status >= 200 || !framed || refuse(HeadFault::conflicting_framing);
}

bool is_idempotent(Method method) {
  switch (method) {
    case Method::get:
    case Method::head:
    case Method::options:
    case Method::put:
    case Method::del: return true;
    default: return false;
  }
}

std::optional<std::string_view> Head::find(std::string_view wanted) const {
  for (const Field& field : fields()) {
    if (field.name_size != wanted.size()) continue;
    bool same = true;
    const std::string_view own = name(field);
    for (std::size_t i = 0; same && i < own.size(); ++i) same = to_lower(own[i]) == to_lower(wanted[i]);
    if (same) return value(field);
  }
  return std::nullopt;
}

std::size_t Head::count(std::string_view wanted) const {
  std::size_t found = 0;
  for (const Field& field : fields()) {
    if (field.name_size != wanted.size()) continue;
    bool same = true;
    const std::string_view own = name(field);
    for (std::size_t i = 0; same && i < own.size(); ++i) same = to_lower(own[i]) == to_lower(wanted[i]);
    found += same ? 1 : 0;
  }
  return found;
}

std::string_view RequestHead::query() const {
  return path_size_ == target_size_ ? std::string_view() : target().substr(path_size_ + 1);
}

std::string_view RequestHead::authorization() const {
  return authorization_ == kMaxFields ? std::string_view() : value(fields_[authorization_]);
}

ScanResult scan_request(std::string_view text, const HeadLimits& limits, RequestHead& head) {
  return HeadScan(text, limits, head).request(head);
}

ScanResult scan_response(std::string_view text, const HeadLimits& limits, ResponseHead& head) {
  return HeadScan(text, limits, head).response(head);
}

bool is_token(std::string_view text) { return !text.empty() && all_in(text, kTokenChar); }

bool is_field_value(std::string_view text) {
  const char* end = text.data() + text.size();
  return find_control(text.data(), end) == end;
}

}  // namespace keyfob::http
