#include "playback/revocations.hpp"

#include <gtest/gtest.h>

#include <string>

namespace millrace::playback {
namespace {

Claims claims_of(std::uint64_t viewer, std::uint64_t lease) {
  Claims claims;
  claims.viewer = Viewer{viewer, lease};
  return claims;
}

TEST(Revocations, TakeBackOneLeaseOrAllOfAViewer) {
  Revocations revoked;
  revoked.revoke({7, 1}, 100);
  revoked.revoke({8, 0}, 100);
  const struct {
    Claims claims;
    bool is_revoked;
  } table[] = {{claims_of(7, 1), true}, {claims_of(7, 2), false}, {claims_of(8, 1), true},
               {claims_of(8, 2), true}, {claims_of(9, 1), false}, {Claims{}, false}};
  for (const auto& row : table) EXPECT_EQ(revoked.is_revoked(row.claims), row.is_revoked);
}

TEST(Revocations, ForgetWhatRunsOutFirstAtTheBound) {
  Revocations revoked;
  for (std::size_t i = 0; i < Revocations::kMaxEntries; ++i)
    revoked.revoke({i + 1, 1}, static_cast<std::int64_t>(1000 + i));
  revoked.revoke({1, 1}, 900'000);  // reported again, and for longer
  revoked.revoke({999'999, 1}, 500);
  EXPECT_EQ(revoked.size(), Revocations::kMaxEntries);
  EXPECT_TRUE(revoked.is_revoked(claims_of(1, 1)));
  EXPECT_FALSE(revoked.is_revoked(claims_of(2, 1)));
  EXPECT_TRUE(revoked.is_revoked(claims_of(999'999, 1)));
}

TEST(Revocations, KnowWhichStreamsBecamePrivate) {
  Revocations revoked;
  EXPECT_FALSE(revoked.is_private("cam1"));
  revoked.set_private("cam1", true);
  EXPECT_TRUE(revoked.is_private("cam1"));
  EXPECT_FALSE(revoked.is_private("cam2"));
  revoked.set_private("cam1", false);
  EXPECT_FALSE(revoked.is_private("cam1"));
}

TEST(Revocations, HaveRoomForChangesBesideWhatAuthNamesAtItsStart) {
  Revocations revoked;
  for (std::size_t i = 0; i < Revocations::kMaxEntries; ++i) revoked.set_private(std::to_string(i), true);
  revoked.set_private("cam1", true);
  EXPECT_TRUE(revoked.is_private("cam1"));
  for (std::size_t i = 0; i < 2 * Revocations::kMaxPrivate; ++i) revoked.set_private(std::to_string(i), true);
  EXPECT_EQ(revoked.size(), Revocations::kMaxPrivate);
}

}  // namespace
}  // namespace millrace::playback
