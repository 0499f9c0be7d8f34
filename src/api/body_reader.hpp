#pragma once
// BodyReader: reads one strict JSON object field by field. Whatever of it is in memory, secrets included, is wiped when
// the reader ends.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "base/time.hpp"

namespace boost::json {
class value;
}

namespace keyfob::api {

enum class Need : std::uint8_t { required, optional };

/// The first thing that is wrong is kept and named by error(); reading goes on with empty values, so that a codec reads
/// all its fields and asks once. Errors are invalid_argument with the field's name, never with its value.
class BodyReader {
 public:
  /// `known`: the names of all fields that may occur; any other is an error with the nearest of them. At most 8 levels.
  BodyReader(std::string_view text, std::span<const std::string_view> known);
  BodyReader(const BodyReader&) = delete;
  BodyReader& operator=(const BodyReader&) = delete;
  ~BodyReader();

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  /// The field is there and not null.
  [[nodiscard]] bool has(std::string_view name) const;

  /// Text; a required one is not empty.
  [[nodiscard]] std::string text(std::string_view name, Need need = Need::optional);
  [[nodiscard]] std::optional<std::string> text_if(std::string_view name);
  template <class SecretType>
  [[nodiscard]] SecretType secret(std::string_view name, Need need = Need::optional) {
    return SecretType(view(name, need));
  }
  template <class SecretType>
  [[nodiscard]] std::optional<SecretType> secret_if(std::string_view name) {
    if (!has(name)) return std::nullopt;
    return SecretType(view(name, Need::required));
  }
  [[nodiscard]] std::vector<std::string> texts(std::string_view name);
  [[nodiscard]] std::optional<std::vector<std::string>> texts_if(std::string_view name);
  /// An array of words, or one text with the words separated by spaces (as OAuth writes scopes).
  [[nodiscard]] std::vector<std::string> words(std::string_view name);
  [[nodiscard]] bool flag(std::string_view name);
  /// A whole number of seconds from 0 to 100 years.
  [[nodiscard]] std::optional<Milliseconds> duration(std::string_view name, Need need = Need::optional);

  /// Keeps the first complaint.
  void complain(std::string what, std::string hint = {});

 private:
  struct Document;
  void parse(std::string_view text);
  void refuse_unknown(std::span<const std::string_view> known);
  [[nodiscard]] const boost::json::value* find(std::string_view name) const;
  [[nodiscard]] std::string_view view(std::string_view name, Need need);

  std::unique_ptr<Document> document_;
  std::optional<Error> error_;
};

}  // namespace keyfob::api
