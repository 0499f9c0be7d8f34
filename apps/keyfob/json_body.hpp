#pragma once
// JsonBody: the JSON object that a command sends. Its bytes may hold secrets, so they live in wiped memory.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "base/wiped_string.hpp"

namespace keyfob::cli {

/// Members in the order of the calls. Names are ours and need no escaping.
class JsonBody {
 public:
  JsonBody& text(std::string_view name, std::string_view value);
  JsonBody& secret(std::string_view name, const Secret& value);
  JsonBody& texts(std::string_view name, const std::vector<std::string>& values);
  JsonBody& number(std::string_view name, std::int64_t value);
  JsonBody& boolean(std::string_view name, bool value);
  /// The whole object. The body may go on growing.
  [[nodiscard]] std::string json() const;

 private:
  void member(std::string_view name);
  void quoted(std::string_view value);

  WipedString text_ = wiped_string({}, 512);
};

}  // namespace keyfob::cli
