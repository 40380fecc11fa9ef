#include "cmcd.hpp"

#include <gtest/gtest.h>

namespace millrace::packaging {
namespace {

ClientReport read(std::string_view text) {
  ClientReport report;
  read_client_report(text, report);
  return report;
}

// As hls.js 1.7, dash.js 5 and ExoPlayer send it.
TEST(Cmcd, SaysSessionBufferAndStarvation) {
  EXPECT_EQ(read(R"(bl=21300,br=3200,bs,cid="cam",sid="6e2fb550-c457-11e9-bb97-0800200c9a66",su)"),
            (ClientReport{"6e2fb550-c457-11e9-bb97-0800200c9a66", 21300, true}));
  EXPECT_EQ(read(R"(cid="cam",sf=h,sid="x",st=l)"), (ClientReport{"x", std::nullopt, false}));
  EXPECT_EQ(read("bl=0, mtp=25400"), (ClientReport{"", 0, false}));
}

TEST(Cmcd, SeveralFieldsAddUp) {
  ClientReport report;
  read_client_report(R"(sid="one")", report);
  read_client_report("bl=1000", report);
  read_client_report("bs", report);
  EXPECT_EQ(report, (ClientReport{"one", 1000, true}));
}

TEST(Cmcd, StringsHoldCommasAndEscapes) {
  EXPECT_EQ(read(R"(cid="a,bs,sid=b",sid="c\"\\d",bl=5)"), (ClientReport{R"(c"\d)", 5, false}));
}

TEST(Cmcd, WhatIsDamagedSaysNothing) {
  EXPECT_EQ(read(""), ClientReport{});
  EXPECT_EQ(read(",,  ,"), ClientReport{});
  EXPECT_EQ(read("=5,bs"), ClientReport{});
  EXPECT_EQ(read(R"(sid="never ends)"), ClientReport{});
  EXPECT_EQ(read(R"(sid="ends in an escape\)"), ClientReport{});
  EXPECT_EQ(read("bl=-5"), ClientReport{});
  EXPECT_EQ(read("bl=99999999999"), ClientReport{});
  EXPECT_EQ(read("bl=5x"), ClientReport{});
  EXPECT_EQ(read("bs=false"), ClientReport{});
  EXPECT_EQ(read("sid=unquoted"), ClientReport{});
}

TEST(Cmcd, IsReadUpToItsBounds) {
  EXPECT_EQ(read("sid=\"" + std::string(kMostSessionBytes, 's') + '"').session.size(), kMostSessionBytes);
  EXPECT_EQ(read("sid=\"" + std::string(kMostSessionBytes + 1, 's') + '"'), ClientReport{});
  EXPECT_EQ(read("cid=\"" + std::string(kMostReportBytes, 'c') + "\",bs"), ClientReport{});
  std::string keys;
  for (std::size_t i = 0; i < kMostReportKeys; ++i) keys += "x,";
  EXPECT_EQ(read(keys + "bs"), ClientReport{});
}

TEST(Cmcd, EveryTruncationIsRead) {
  const std::string whole = R"(bl=21300,bs,cid="c\"am",sid="6e2fb550",su)";
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const ClientReport report = read(std::string_view(whole).substr(0, size));
    EXPECT_LE(report.session.size(), kMostSessionBytes);
  }
}

}  // namespace
}  // namespace millrace::packaging
