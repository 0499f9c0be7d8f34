#pragma once
// CallerCredential: what an Authorization header says about who is calling.
//
// "Bearer <API key>", or "Basic" with the API key as its password and any user name: clients that know only the
// provider's own credentials send it that way ("default:<management token>", "<client id>:<client secret>"). In both
// the key may be followed by "~<user>", which keeps the request to that user. Pure text; says nothing about whether
// the key is anybody's.

#include <string_view>

#include "base/wiped_string.hpp"

namespace keyfob::access {

class CallerCredential {
 public:
  /// Of a header of any other form: key() is empty. Copies what it decodes; wiped at the end.
  explicit CallerCredential(std::string_view authorization);

  [[nodiscard]] std::string_view key() const { return std::string_view(text_).substr(0, end_of_key_); }
  [[nodiscard]] bool names_user() const { return end_of_key_ < text_.size(); }
  /// What follows the "~"; may be empty although names_user().
  [[nodiscard]] std::string_view user() const { return std::string_view(text_).substr(end_of_key_ + 1); }

 private:
  WipedString text_;
  std::size_t end_of_key_ = 0;
};

}  // namespace keyfob::access
