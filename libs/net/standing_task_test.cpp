#include "net/standing_task.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <string>

namespace millrace::net {
namespace {

TEST(StandingTask, RunsOncePerRequestBehindWhatWaits) {
  boost::asio::io_context context;
  std::string order;
  StandingTask task(context, [&order] { order += 't'; });
  boost::asio::post(context, [&order] { order += 'a'; });
  task.request();
  task.request();
  boost::asio::post(context, [&order] { order += 'b'; });
  context.run();
  EXPECT_EQ(order, "atb");
  context.restart();
  task.request();
  context.run();
  EXPECT_EQ(order, "atbt");
}

TEST(StandingTask, MayBeRequestedByItsOwnWork) {
  boost::asio::io_context context;
  int runs = 0;
  StandingTask* self = nullptr;
  StandingTask task(context, [&] {
    if (++runs < 3) self->request();
  });
  self = &task;
  task.request();
  context.run();
  EXPECT_EQ(runs, 3);
}

// Its memory is there until the context has let go of it, in either order of destruction.
TEST(StandingTask, MayGoBeforeItsContextAndWhileItWaits) {
  const auto witness = std::make_shared<int>();
  int runs = 0;
  {
    boost::asio::io_context context;
    {
      StandingTask task(context, [&runs, witness] { ++runs; });
      task.request();
    }
    EXPECT_EQ(witness.use_count(), 2);
  }
  EXPECT_EQ(runs, 0);
  EXPECT_EQ(witness.use_count(), 1);
}

}  // namespace
}  // namespace millrace::net
