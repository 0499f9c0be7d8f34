#include "engine/random_id.hpp"

#include <cstdint>
#include <vector>

namespace keyfob::engine {

std::string random_id(Random& random, std::size_t length, std::string_view letters) {
  std::vector<std::uint8_t> bytes(length);
  random.fill(bytes);
  std::string id;
  for (const std::uint8_t byte : bytes) id += letters[byte & 31U];
  return id;
}

}  // namespace keyfob::engine
