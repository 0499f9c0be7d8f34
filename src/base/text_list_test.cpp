#include "base/text_list.hpp"

#include <gtest/gtest.h>

namespace keyfob {
namespace {

using Texts = std::vector<std::string>;

TEST(TextList, comes_back_whatever_the_texts_hold) {
  for (const Texts& texts : {Texts{}, Texts{""}, Texts{"a", "", "b"}, Texts{"3:abc", "12", ":", "\n\t"},
                             Texts{std::string("nul\0inside", 10), std::string(1000, 'x')}}) {
    EXPECT_EQ(split_netstrings(join_netstrings(texts)), texts);
  }
}

TEST(TextList, anything_else_is_no_list) {
  for (const char* list : {"a", "1", "1:", "2:a", "-1:a", ":a", "1:ab", "1 :a", "99999999999999999999999:a"}) {
    EXPECT_FALSE(split_netstrings(list)) << list;
  }
}

}  // namespace
}  // namespace keyfob
