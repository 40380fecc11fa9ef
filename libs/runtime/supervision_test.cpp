#include "runtime/supervision.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace millrace::runtime {
namespace {

using Action = Supervision::Action;
using Actions = Supervision::Actions;
using Time = Supervision::Time;

constexpr int kMany = 20'000;

std::string child(int i) {
  return "publication-" + std::to_string(i);
}

template <class Kind>
std::size_t count(const Actions& actions) {
  return static_cast<std::size_t>(std::count_if(
      actions.begin(), actions.end(), [](const Action& a) { return std::holds_alternative<Kind>(a); }));
}

Supervision with_many(Actions& out) {
  Supervision supervision({.name = "streams"});
  for (int i = 0; i < kMany; ++i)
    EXPECT_TRUE(supervision.add(child(i), "", Restart::kTransient, Time{0}, out));
  return supervision;
}

std::vector<std::uint64_t> timers(const Actions& actions) {
  std::vector<std::uint64_t> ids;
  for (const Action& action : actions) {
    if (const auto* timer = std::get_if<Supervision::SetTimer>(&action)) ids.push_back(timer->id);
  }
  return ids;
}

// Looked up one by one in a list these are billions of steps.
TEST(SupervisionOfMany, RestartsAllOfThemAndNamesAFew) {
  Actions out;
  Supervision supervision = with_many(out);
  out.clear();
  for (int i = kMany - 1; i >= 0; --i) {
    supervision.member_down(child(i), false, "lost", Time{1}, out);
    EXPECT_FALSE(supervision.trouble().empty());
  }
  EXPECT_EQ(supervision.trouble(),
            "restarting publication-0: lost; restarting publication-1: lost; restarting publication-2: lost; "
            "restarting publication-3: lost; restarting publication-4: lost; restarting publication-5: lost; "
            "restarting publication-6: lost; restarting publication-7: lost; 19992 more");
  const auto ids = timers(out);
  ASSERT_EQ(ids.size(), static_cast<std::size_t>(kMany));
  out.clear();
  for (const std::uint64_t id : ids) supervision.timer(id, Time{2000}, out);
  EXPECT_EQ(count<Supervision::StartMember>(out), static_cast<std::size_t>(kMany));
  EXPECT_EQ(supervision.trouble(), "");
}

TEST(SupervisionOfMany, StopsAllThatWaitAtOnceAndTheLivingInReverse) {
  Actions out;
  Supervision supervision = with_many(out);
  for (int i = 2; i < kMany; ++i) supervision.member_down(child(i), false, "lost", Time{1}, out);
  out.clear();
  supervision.stop_all(out);
  EXPECT_EQ(count<Supervision::ForgetMember>(out), static_cast<std::size_t>(kMany - 2));
  ASSERT_EQ(count<Supervision::EndMember>(out), 1U);
  for (const int i : {1, 0}) {
    const auto end = std::find_if(out.begin(), out.end(), [](const Action& action) {
      return std::holds_alternative<Supervision::EndMember>(action);
    });
    ASSERT_NE(end, out.end());
    EXPECT_EQ(std::get<Supervision::EndMember>(*end).name, child(i));
    out.clear();
    supervision.member_down(child(i), true, "", Time{2}, out);
  }
  EXPECT_EQ(count<Supervision::End>(out), 1U);
}

TEST(SupervisionOfMany, TakesANameAgainThatWasForgotten) {
  Actions out;
  Supervision supervision = with_many(out);
  for (int i = 0; i < kMany; ++i) supervision.member_down(child(i), true, "", Time{1}, out);
  out.clear();
  EXPECT_TRUE(supervision.add(child(7), "", Restart::kTransient, Time{2}, out));
  EXPECT_FALSE(supervision.add(child(7), "", Restart::kTransient, Time{2}, out));
  EXPECT_TRUE(supervision.add("late", child(7), Restart::kTransient, Time{2}, out))
      << "a group's name is its own";
  supervision.stop_unit(child(7), false, out);
  supervision.member_down(child(7), true, "", Time{3}, out);
  EXPECT_EQ(count<Supervision::ForgetMember>(out), 1U);
}

}  // namespace
}  // namespace millrace::runtime
