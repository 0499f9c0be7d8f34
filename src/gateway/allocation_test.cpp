#include "gateway/gateway_test.hpp"
#include "testing/net/allocations.hpp"

namespace keyfob::gateway {
namespace {

class AllocationTest : public GatewayTest {
 protected:
  /// What the origin's thread and this one allocate is their own business.
  AllocationTest() {
    keyfob::testing::exempt_this_thread();
    exempt_origin_ = true;
  }
};

TEST_F(AllocationTest, a_forwarded_request_allocates_nothing_once_the_pools_are_warm) {
  if (!keyfob::testing::counts_allocations()) GTEST_SKIP() << "a sanitizer owns the allocator";
  start();
  const std::string get = "GET /v2/cars/car1/odometer HTTP/1.1\r\nHost: keyfob\r\nAuthorization: Bearer key\r\n\r\n";
  const std::string post =
      "POST /v2/cars/car1/security HTTP/1.1\r\nHost: keyfob\r\nAuthorization: Bearer key\r\nContent-Length: "
      "4\r\n\r\nlock";
  caller_.write(get);
  const Message got = read_message(caller_);
  ASSERT_EQ(got.body, "Bearer g1-1||");
  caller_.write(post);
  const Message posted = read_message(caller_);
  ASSERT_EQ(posted.body, "Bearer g1-1||lock");
  for (int i = 0; i < 20; ++i) ask("GET /v2/cars/car1/odometer");
  const std::uint64_t before = keyfob::testing::allocations();
  ASSERT_GT(before, 0U) << "nothing is counted";
  for (int i = 0; i < 200; ++i) {
    caller_.write(get);
    caller_.read_exactly(got.raw_head.size() + got.body.size());
    caller_.write(post);
    caller_.read_exactly(posted.raw_head.size() + posted.body.size());
  }
  EXPECT_EQ(keyfob::testing::allocations() - before, 0U);
}

}  // namespace
}  // namespace keyfob::gateway
