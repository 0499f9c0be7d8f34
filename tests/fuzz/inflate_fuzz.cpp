// fuzz: src/http/inflate.cpp

// The beginning of compressed bodies: nothing but memory and bounds.

#include "http/inflate.hpp"
#include "tests/fuzz/fuzz.hpp"

FUZZ(input) {
  for (const char* coding : {"gzip", "deflate", "identity", "br"}) {
    for (const std::size_t limit : {std::size_t{0}, std::size_t{1}, std::size_t{8192}}) {
      CHECK(keyfob::http::decoded_beginning(coding, input, limit).size() <= limit);
    }
  }
}
