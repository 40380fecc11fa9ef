#include "runtime/health.hpp"

#include <gtest/gtest.h>

namespace millrace::runtime {
namespace {

TEST(Health, IsStartingUntilAComponentReports) {
  const Health health;
  EXPECT_EQ(health.overall(), HealthState::kStarting);
  EXPECT_FALSE(health.report().ready());
}

TEST(Health, IsAsBadAsItsWorstComponent) {
  struct Case {
    HealthState first, second, overall;
    bool ready;
  };
  const Case cases[] = {
      {HealthState::kReady, HealthState::kReady, HealthState::kReady, true},
      {HealthState::kReady, HealthState::kDegraded, HealthState::kDegraded, true},
      {HealthState::kStarting, HealthState::kDegraded, HealthState::kStarting, false},
      {HealthState::kStarting, HealthState::kStopping, HealthState::kStopping, false},
      {HealthState::kReady, HealthState::kStopping, HealthState::kStopping, false},
  };
  for (const Case& c : cases) {
    Health health;
    health.set("a", c.first);
    health.set("b", c.second);
    EXPECT_EQ(health.overall(), c.overall) << to_string(c.first) << " + " << to_string(c.second);
    EXPECT_EQ(health.report().ready(), c.ready) << to_string(c.first) << " + " << to_string(c.second);
  }
}

TEST(Health, ForgetsARemovedComponentAndReplacesAKnownOne) {
  Health health;
  health.set("auth", HealthState::kDegraded, "silent");
  health.set("listener", HealthState::kStarting);
  health.set("listener", HealthState::kReady);
  EXPECT_EQ(health.overall(), HealthState::kDegraded);
  health.remove("auth");
  health.remove("never there");
  EXPECT_EQ(health.overall(), HealthState::kReady);
}

TEST(Health, PrintsReasonsAsJsonWhateverTheyHold) {
  Health health;
  health.set("auth", HealthState::kDegraded, "said \"no\"\xff");
  health.set("disk", HealthState::kReady);
  EXPECT_EQ(health.report().json(),
            "{\"components\":[{\"component\":\"auth\",\"reason\":\"said "
            "\\\"no\\\"\xEF\xBF\xBD\",\"state\":\"degraded\"},"
            "{\"component\":\"disk\",\"reason\":\"\",\"state\":\"ready\"}],\"state\":\"degraded\"}");
}

}  // namespace
}  // namespace millrace::runtime
