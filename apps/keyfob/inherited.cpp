#include "apps/keyfob/inherited.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

namespace keyfob::node {
namespace {

constexpr int kFirst = 3;
constexpr int kMost = 64;

std::string take_variable(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  ::unsetenv(name);
  return text;
}

int number_in(const std::string& text) {
  int number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc() && end == text.data() + text.size() ? number : 0;
}

}  // namespace

InheritedSockets take_inherited_sockets() {
  const int pid = number_in(take_variable("LISTEN_PID"));
  const int count = number_in(take_variable("LISTEN_FDS"));
  const std::string names = take_variable("LISTEN_FDNAMES");
  InheritedSockets out;
  if (pid != ::getpid() || count < 1 || count > kMost) return out;
  std::string_view rest = names;
  for (int i = 0; i < count; ++i) {
    const std::string_view name = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    (name == "public" ? out.outside : out.main).push_back("fd:" + std::to_string(kFirst + i));
  }
  return out;
}

}  // namespace keyfob::node
