// Requests that are answered later, when something has happened or their time is over: playlists that block
// until they have a segment, parts that are still being made. Costs neither a thread nor a timer each.
//
//   if (!room.wait(stream_id, request.peer_address, responder, now_us + patience_us,
//                  [=] { return answer_if_there(stream_id, number); },
//                  Response::problem(503, "not_yet"), name))
//     responder(Response::problem(503, "overloaded"));
//   …
//   publish(view); room.wake(stream_id);
//
// Any thread. Ready functions and answers run outside the lock, ready functions on the thread that calls
// wait() or wake(), also on several at once, and must not block. What they hold is held as long as the
// client waits: not the Request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/server.hpp"

namespace millrace::http {

class WaitingRoom {
 public:
  struct Limits {
    std::size_t total = 0;        // waiting requests
    std::size_t per_address = 0;  // of an IPv4 address or IPv6 /64; 0: no such limit
  };
  // nullopt: not yet. What throws counts as that.
  using Ready = std::function<std::optional<Response>()>;

  explicit WaitingRoom(Limits limits) : limits_(limits) {}
  ~WaitingRoom() { drain(); }
  WaitingRoom(const WaitingRoom&) = delete;
  WaitingRoom& operator=(const WaitingRoom&) = delete;

  // Waits until ready() gives an answer or, at the first sweep() after deadline_us (monotonic), expired is
  // it. ready() is tried here once, after the request has got in line, and again by every wake() of its
  // topic: what happened before a wake() is never missed. The server's answer_deadline counts from
  // deadline_us on.
  //
  // answer: names what the client will get. Of those who wait for the same answer of a topic one is tried
  // for all, and all get the one it gives (a body that is shared is not copied). Empty: this client's own.
  //
  // False: a limit is reached, or drain() was called; the caller answers.
  [[nodiscard]] bool wait(std::string_view topic, const std::string& address, Responder responder,
                          std::int64_t deadline_us, Ready ready, Response expired,
                          std::string_view answer = {});
  // Tries all that wait for the topic. The answers go to each thread of the server together.
  void wake(std::string_view topic);
  void wake_all();
  // Answers those whose time is over, and forgets clients that have gone. To be called a few times a second.
  void sweep(std::int64_t now_us);
  // Nobody waits any longer: all get the answer for those whose time is over. To be called before
  // Server::drain(), which would wait for them.
  void drain();
  std::size_t waiting() const;

 private:
  struct Waiter {
    Responder responder;
    std::int64_t deadline_us;
    Ready ready;
    Response expired;
    std::string customer;
    // Both under the lock, and nobody's but the one's who took it out of the line from then on.
    std::shared_ptr<const Response> answer{};  // it is ready
    bool left = false;
  };
  using WaiterPtr = std::shared_ptr<Waiter>;
  using Line = std::vector<WaiterPtr>;
  using Topic = std::map<std::string, Line, std::less<>>;  // by answer; those under "" are each their own
  using Topics = std::map<std::string, Topic, std::less<>>;

  bool line_up(std::string_view topic, std::string_view answer, const WaiterPtr& waiter);
  Line candidates(std::string_view topic);
  // Tries them, and answers all that wait for what they got.
  void attempt(std::string_view topic, const Line& candidates);
  // All that are ready now; under the lock.
  Line ready_ones(std::string_view topic);
  // Those that may leave the line go to leaving; under the lock.
  template <class MayLeave>
  void leave_if(Line& line, Line& leaving, const MayLeave& may_leave);
  template <class MayLeave>
  Line leave_if(const MayLeave& may_leave);
  static void answer_expired(const Line& leaving);

  const Limits limits_;
  mutable std::mutex mutex_;  // guards what follows
  Topics topics_;
  std::map<std::string, std::size_t, std::less<>> by_customer_;
  std::size_t waiting_ = 0;
  bool draining_ = false;
};

}  // namespace millrace::http
