#include "apps/keyfob/json_body.hpp"

#include <gtest/gtest.h>

namespace keyfob::cli {
namespace {

TEST(JsonBody, IsAnEmptyObjectAtFirst) { EXPECT_EQ(JsonBody().json(), "{}"); }

TEST(JsonBody, EscapesWhatJsonDemands) {
  JsonBody body;
  body.text("a", "x\"\\\n").texts("b", {"1", "2"}).number("c", -5).boolean("d", true).secret("e", Secret("s"));
  EXPECT_EQ(body.json(), R"({"a":"x\"\\\u000a","b":["1","2"],"c":-5,"d":true,"e":"s"})");
}

}  // namespace
}  // namespace keyfob::cli
