#include "http/response_head.hpp"

#include <array>
#include <charconv>
#include <utility>

#include "http/head_scanner.hpp"
#include "http/message.hpp"

namespace keyfob::http {
namespace {

constexpr std::array<std::pair<int, std::string_view>, 38> kReasons = {{
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {424, "Failed Dependency"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
}};

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  out.append(text.data(), end);
}

bool said_by_server(std::string_view name) {
  return equal_no_case(name, "content-length") || equal_no_case(name, "connection") || equal_no_case(name, "date") ||
         equal_no_case(name, "transfer-encoding") || equal_no_case(name, "keep-alive");
}

}  // namespace

std::string_view reason_phrase(int status) {
  for (const auto& [code, phrase] : kReasons) {
    if (code == status) return phrase;
  }
  return "Status";
}

void write_own_head(std::string& out, const Answer& answer, const OwnHead& own) {
  out.assign("HTTP/1.1 ");
  append_number(out, static_cast<std::uint64_t>(answer.status));
  out += ' ';
  out += reason_phrase(answer.status);
  out += "\r\n";
  out += own.date_line;
  if (!answer.content_type.empty()) {
    out += "Content-Type: ";
    out += answer.content_type;
    out += "\r\n";
  }
  out += answer.headers;
  if (answer.status >= 200 && answer.status != 204 && answer.status != 304) {
    out += "Content-Length: ";
    append_number(out, answer.body.size());
    out += "\r\n";
  }
  if (own.close) out += "Connection: close\r\n";
  out += "\r\n";
}

std::string header_lines(const Response& response) {
  std::string lines;
  for (const Header& header : response.headers) {
    if (said_by_server(header.name) || !is_token(header.name) || !is_field_value(header.value)) continue;
    lines += header.name;
    lines += ": ";
    lines += header.value;
    lines += "\r\n";
  }
  return lines;
}

}  // namespace keyfob::http
