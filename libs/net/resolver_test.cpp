#include "net/resolver.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <future>

#include "base/clock.hpp"

namespace millrace::net {
namespace {

using Found = Result<std::vector<SocketAddress>>;
constexpr std::int64_t kPatienceUs = 20'000'000;

// resolve() and wait for the answer.
Found ask(Resolver& resolver, const std::string& host, std::int64_t deadline_us) {
  auto promise = std::make_shared<std::promise<Found>>();
  auto future = promise->get_future();
  resolver.resolve(host, 1935, deadline_us, [promise](Found found) { promise->set_value(std::move(found)); });
  if (future.wait_for(std::chrono::microseconds(kPatienceUs)) != std::future_status::ready) {
    return fail("test", "no answer");
  }
  return future.get();
}

TEST(Resolver, KnowsLiteralAddresses) {
  struct Case {
    const char* text;
    int family;
  };
  for (const Case& each : {Case{"127.0.0.1", AF_INET}, Case{"::1", AF_INET6}, Case{"2001:db8::7", AF_INET6},
                           Case{"localhost", 0}, Case{"", 0}, Case{"1.2.3", 0}, Case{"0x7f000001", 0}}) {
    SCOPED_TRACE(each.text);
    const auto address = literal_address(each.text, 1935);
    EXPECT_EQ(address ? address->family() : 0, each.family);
    if (each.family != AF_INET) continue;
    EXPECT_EQ(ntohs(reinterpret_cast<const sockaddr_in*>(address->get())->sin_port), 1935);
  }
}

TEST(Resolver, ResolvesThroughTheSystem) {
  Resolver resolver;
  const Found found = ask(resolver, "localhost", monotonic_us() + kPatienceUs);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_FALSE(found->empty());
}

TEST(Resolver, TellsThatThereIsNoSuchName) {
  Resolver resolver(1, [](const std::string&, std::uint16_t) -> Found { return fail("net.resolve", "no"); });
  EXPECT_EQ(ask(resolver, "nowhere", monotonic_us() + kPatienceUs).error().code, "net.resolve");
}

TEST(Resolver, DoesNotLookUpWhatIsTooLate) {
  std::atomic<int> asked{0};
  Resolver resolver(1, [&asked](const std::string&, std::uint16_t) -> Found {
    ++asked;
    return std::vector<SocketAddress>{};
  });
  EXPECT_EQ(ask(resolver, "late", monotonic_us() - 1).error().code, "net.resolve_timeout");
  EXPECT_EQ(asked, 0);
}

TEST(Resolver, BoundsWhoWaitsAndForgetsThemAtTheEnd) {
  auto gate = std::make_shared<std::promise<void>>();
  const std::shared_future<void> open = gate->get_future().share();
  auto taken = std::make_shared<std::promise<void>>();
  std::atomic<int> answers{0};
  int refused = 0;
  {
    Resolver resolver(1, [open, taken](const std::string& host, std::uint16_t) -> Found {
      if (host == "first") taken->set_value();
      open.wait();
      return std::vector<SocketAddress>{};
    });
    const std::int64_t deadline = monotonic_us() + kPatienceUs;
    resolver.resolve("first", 1, deadline, [&answers](const Found&) { ++answers; });
    taken->get_future().wait();
    for (std::size_t i = 0; i < Resolver::kMaxWaiting; ++i) {
      resolver.resolve("more", 1, deadline, [&answers](const Found&) { ++answers; });
    }
    resolver.resolve("beyond", 1, deadline, [&refused](const Found& found) {
      refused += !found && found.error().code == "net.resolve_busy" ? 1 : 0;
    });
    EXPECT_EQ(refused, 1);
  }
  gate->set_value();  // after the resolver has gone: nobody is answered
  EXPECT_EQ(answers, 0);
}

}  // namespace
}  // namespace millrace::net
