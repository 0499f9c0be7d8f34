#include "http/inflate.hpp"

#include <boost/beast/zlib/inflate_stream.hpp>

#include "http/char_class.hpp"

namespace keyfob::http {
namespace {

/// RFC 1952 section 2.3: what stands before the deflated data. Empty when it is no gzip or is cut within its header.
std::string_view behind_gzip_header(std::string_view bytes) {
  constexpr unsigned char kHeaderCrc = 2;
  constexpr unsigned char kExtra = 4;
  constexpr unsigned char kName = 8;
  constexpr unsigned char kComment = 16;
  if (bytes.size() < 10 || !bytes.starts_with("\x1f\x8b\x08")) return {};
  const auto flags = static_cast<unsigned char>(bytes[3]);
  std::size_t at = 10;
  if ((flags & kExtra) != 0) {
    if (bytes.size() < at + 2) return {};
    at += 2 + static_cast<unsigned char>(bytes[at]) + 256U * static_cast<unsigned char>(bytes[at + 1]);
  }
  for (const unsigned char text : {kName, kComment}) {
    if ((flags & text) == 0) continue;
    const auto end = at < bytes.size() ? bytes.find('\0', at) : std::string_view::npos;
    if (end == std::string_view::npos) return {};
    at = end + 1;
  }
  if ((flags & kHeaderCrc) != 0) at += 2;
  return at < bytes.size() ? bytes.substr(at) : std::string_view();
}

/// RFC 1950 section 2.2.
std::string_view behind_zlib_header(std::string_view bytes) {
  if (bytes.size() < 2) return bytes;
  const unsigned head = 256U * static_cast<unsigned char>(bytes[0]) + static_cast<unsigned char>(bytes[1]);
  const bool zlib = (static_cast<unsigned char>(bytes[0]) & 0x0fU) == 8 && head % 31 == 0;
  return zlib ? bytes.substr(2) : bytes;
}

std::string inflated(std::string_view deflated, std::size_t limit) {
  std::string out(limit, '\0');
  boost::beast::zlib::inflate_stream stream;
  boost::beast::zlib::z_params state;
  state.next_in = deflated.data();
  state.avail_in = deflated.size();
  state.next_out = out.data();
  state.avail_out = out.size();
  boost::beast::error_code error;
  stream.write(state, boost::beast::zlib::Flush::sync, error);
  const bool fine =
      !error || error == boost::beast::zlib::error::end_of_stream || error == boost::beast::zlib::error::need_buffers;
  out.resize(fine ? limit - state.avail_out : 0);
  return out;
}

}  // namespace

std::string decoded_beginning(std::string_view encoding, std::string_view bytes, std::size_t limit) {
  if (encoding.empty() || equals_lower(encoding, "identity")) return std::string(bytes.substr(0, limit));
  if (equals_lower(encoding, "gzip") || equals_lower(encoding, "x-gzip")) {
    return inflated(behind_gzip_header(bytes), limit);
  }
  if (equals_lower(encoding, "deflate")) return inflated(behind_zlib_header(bytes), limit);
  return {};
}

}  // namespace keyfob::http
