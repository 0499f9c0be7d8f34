#include "model/faults.hpp"

#include <gtest/gtest.h>

namespace keyfob::sim {
namespace {

Fault named(std::string_view name) { return fault_named(name).value(); }

TEST(FaultPlan, strikes_once_and_is_done) {
  FaultPlan plan;
  plan.add(named("drop_before"));
  EXPECT_TRUE(plan.strike({Place::token}));
  EXPECT_FALSE(plan.strike({Place::token}));
  EXPECT_EQ(plan.struck(), 1U);
}

TEST(FaultPlan, lets_requests_pass_that_it_was_not_planned_for) {
  FaultPlan plan;
  Fault fault = named("status");
  fault.where = Place::api;
  fault.vehicle = "car";
  fault.user = "owner";
  plan.add(fault);
  EXPECT_FALSE(plan.strike({Place::token, "car", "owner"}));
  EXPECT_FALSE(plan.strike({Place::api, "other", "owner"}));
  EXPECT_FALSE(plan.strike({Place::api, "car", "somebody"}));
  EXPECT_TRUE(plan.strike({Place::api, "car", "owner"}));
}

TEST(FaultPlan, skips_then_strikes_as_often_as_told) {
  FaultPlan plan;
  Fault fault = named("delay");
  fault.skip = 1;
  fault.times = 2;
  plan.add(fault);
  EXPECT_FALSE(plan.strike({Place::token}));
  EXPECT_TRUE(plan.strike({Place::token}));
  EXPECT_TRUE(plan.strike({Place::token}));
  EXPECT_FALSE(plan.strike({Place::token}));
}

TEST(FaultPlan, strikes_until_cleared_when_no_number_is_given) {
  FaultPlan plan;
  Fault fault = named("html200");
  fault.where = Place::any;
  fault.times = std::nullopt;
  plan.add(fault);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(plan.strike({Place::api}));
  plan.clear();
  EXPECT_FALSE(plan.strike({Place::api}));
}

TEST(FaultPlan, knows_which_faults_strike_after_the_rotation) {
  EXPECT_FALSE(named("drop_before").after);
  EXPECT_TRUE(named("drop_after_rotation").after);
  EXPECT_TRUE(named("hold").after);
  EXPECT_EQ(named("retry_after").status, 429);
  EXPECT_EQ(named("missing_refresh_token").field, "refresh_token");
}

TEST(FaultPlan, names_what_it_knows_when_asked_for_something_else) {
  const auto unknown = fault_named("explode");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().hint.find("drop_after_rotation"), std::string::npos);
}

}  // namespace
}  // namespace keyfob::sim
