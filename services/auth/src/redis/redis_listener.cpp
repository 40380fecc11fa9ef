#include "redis/redis_listener.hpp"

#include <hiredis/hiredis.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <thread>

#include "base/clock.hpp"
#include "base/survive.hpp"
#include "net/unique_fd.hpp"

namespace millrace::auth {

namespace {

constexpr std::size_t kReadBytes = 16U << 10;
// Of one reply: the parser would keep whatever is announced. A message is at most a command; more than this
// is nothing of ours.
constexpr std::size_t kMaxReplyBytes = 16U << 20;

constexpr int kMaxElements = 64;

struct ContextFree {
  void operator()(redisContext* context) const { redisFree(context); }
};
struct ReplyFree {
  void operator()(void* reply) const { freeReplyObject(reply); }
};
using Context = std::unique_ptr<redisContext, ContextFree>;
using Reply = std::unique_ptr<redisReply, ReplyFree>;

timeval to_timeval(std::chrono::milliseconds time) {
  return {.tv_sec = time.count() / 1000, .tv_usec = (time.count() % 1000) * 1000};
}

std::string_view text_of(const redisReply* reply) {
  return reply->str != nullptr ? std::string_view(reply->str, reply->len) : std::string_view();
}

}  // namespace

class RedisListener::Core {
 public:
  Core(RedisSettings settings, Message message, State state)
      : settings_(std::move(settings)),
        message_(std::move(message)),
        state_(std::move(state)),
        stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        thread_([this] { run(); }) {}
  ~Core() {
    const std::uint64_t one = 1;
    (void)!::write(stop_.get(), &one, sizeof one);
    thread_.join();
  }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

 private:
  void run() {
    std::chrono::milliseconds pause = settings_.first_pause;
    for (;;) {
      subscribed_ = false;
      std::string reason = "internal error";
      (void)survives("redis listener", [&] { reason = listen(); });
      if (stopping_) return;
      (void)survives("redis listener", [&] { state_(false, reason); });
      if (subscribed_) pause = settings_.first_pause;
      const auto half = pause / 2;
      if (wait_for_stop(half + half * static_cast<int>(random_u64() % 1000) / 1000)) return;
      pause = std::min(2 * pause, settings_.longest_pause);
    }
  }

  bool wait_for_stop(std::chrono::milliseconds time) {
    pollfd stop{.fd = stop_.get(), .events = POLLIN, .revents = 0};
    stopping_ = ::poll(&stop, 1, static_cast<int>(time.count())) > 0;
    return stopping_;
  }

  // Until the connection is lost or the listener ends; why, in words.
  std::string listen() {
    const Context context(redisConnectWithTimeout(settings_.host.c_str(), settings_.port,
                                                  to_timeval(settings_.connect_timeout)));
    if (!context) return "no memory";
    if (context->err != 0) return context->errstr;
    bound_arrays(*context->reader);
    if (!settings_.password.empty() && !send(context->fd, "AUTH %b", settings_.password.reveal().data(),
                                             settings_.password.reveal().size())) {
      return "connection lost";
    }
    if (!send(context->fd, "SUBSCRIBE %b", settings_.channel.data(), settings_.channel.size()))
      return "connection lost";
    return receive(*context);
  }

  // hiredis parses, we read: with a bound, and able to be stopped at any time.
  std::string receive(redisContext& context) {
    const std::int64_t subscribed_by_us = monotonic_us() + settings_.answer_timeout.count() * 1000;
    std::int64_t heard_us = monotonic_us();
    bool pinged = false;
    std::size_t held = 0;  // bytes read since the last whole reply
    for (;;) {
      std::int64_t due_us =
          heard_us + (pinged ? settings_.answer_timeout : settings_.ping_every).count() * 1000;
      if (!subscribed_) due_us = subscribed_by_us;
      const std::int64_t left_us = due_us - monotonic_us();
      if (left_us <= 0) {
        if (!subscribed_) return "no answer to SUBSCRIBE";
        if (pinged) return "no answer to PING";
        if (!send(context.fd, "PING")) return "connection lost";
        pinged = true;
        heard_us = monotonic_us();
        continue;
      }
      pollfd sockets[] = {{.fd = context.fd, .events = POLLIN, .revents = 0},
                          {.fd = stop_.get(), .events = POLLIN, .revents = 0}};
      (void)::poll(sockets, 2, static_cast<int>(left_us / 1000 + 1));
      if (sockets[1].revents != 0) {
        stopping_ = true;
        return {};
      }
      if (sockets[0].revents == 0) continue;
      char bytes[kReadBytes];
      const ssize_t count = ::recv(context.fd, bytes, sizeof bytes, MSG_DONTWAIT);
      if (count == 0) return "connection closed";
      if (count < 0) {
        if (errno == EAGAIN || errno == EINTR) continue;
        return "connection lost";
      }
      redisReaderFeed(context.reader, bytes, static_cast<std::size_t>(count));
      held += static_cast<std::size_t>(count);
      heard_us = monotonic_us();
      pinged = false;
      if (const std::string trouble = take_replies(*context.reader, held); !trouble.empty()) return trouble;
      if (held > kMaxReplyBytes) return "a reply without an end";
    }
  }

  std::string take_replies(redisReader& reader, std::size_t& held) {
    for (;;) {
      void* raw = nullptr;
      if (redisReaderGetReply(&reader, &raw) != REDIS_OK) return "not Redis's protocol";
      if (raw == nullptr) return {};
      held = 0;
      const Reply reply(static_cast<redisReply*>(raw));
      // Of AUTH or SUBSCRIBE. Not quoted: it may hold anything.
      if (reply->type == REDIS_REPLY_ERROR) return "Redis refused: is REDIS_PASSWORD right?";
      handle(*reply);
    }
  }

  // An array's length is announced and allocated before its elements are there.
  static void bound_arrays(redisReader& reader) {
    static const redisReplyObjectFunctions original = *reader.fn;
    static redisReplyObjectFunctions bounded = [] {
      redisReplyObjectFunctions functions = original;
      functions.createArray = [](const redisReadTask* task, int elements) -> void* {
        return elements > kMaxElements ? nullptr : original.createArray(task, elements);
      };
      return functions;
    }();
    reader.fn = &bounded;
  }

  template <class... Arguments>
  static bool send(int socket, const char* format, Arguments... arguments) {
    char* command = nullptr;
    const int size = redisFormatCommand(&command, format, arguments...);
    if (size < 0) return false;
    const bool sent =
        ::send(socket, command, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT) == size;
    redisFreeCommand(command);
    return sent;
  }

  void handle(const redisReply& reply) {
    if (reply.type != REDIS_REPLY_ARRAY || reply.elements != 3) return;
    if (text_of(reply.element[0]) == "subscribe" && !subscribed_) {
      subscribed_ = true;
      state_(true, {});
    }
    if (text_of(reply.element[0]) != "message" || text_of(reply.element[1]) != settings_.channel) return;
    if (reply.element[2]->type != REDIS_REPLY_STRING) return;
    (void)survives("redis message", [&] { message_(text_of(reply.element[2])); });
  }

  RedisSettings settings_;
  Message message_;
  State state_;
  net::UniqueFd stop_;
  bool stopping_ = false;    // the thread's
  bool subscribed_ = false;  // the thread's: this connection was
  std::thread thread_;
};

RedisListener::RedisListener(RedisSettings settings, Message message, State state)
    : core_(std::make_unique<Core>(std::move(settings), std::move(message), std::move(state))) {}
RedisListener::~RedisListener() = default;

}  // namespace millrace::auth
