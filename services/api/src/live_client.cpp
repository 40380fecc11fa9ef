#include "live_client.hpp"

#include <algorithm>

#include "base/ids.hpp"
#include "base/reply_codes.hpp"
#include "socket_io.hpp"

namespace millrace::api {
namespace {

constexpr std::int64_t kMinuteUs = 60'000'000;

LiveOutcome too_many() {
  return {"too_many_subscriptions", "At most 100 streams can be subscribed to."};
}

// A member of the data, or the data itself when it is a text: both forms are in use.
std::string text_member(const nlohmann::json& data, const char* name) {
  if (data.is_string()) return data.get<std::string>();
  if (!data.is_object()) return {};
  const auto member = data.find(name);
  return member == data.end() || !member->is_string() ? std::string() : member->get<std::string>();
}

std::string stream_name(const nlohmann::json& data) {
  std::string name = text_member(data, "streamKey");
  if (name.empty()) name = text_member(data, "streamId");
  return is_valid_id(name) ? name : std::string();
}

std::string to_text(const nlohmann::json& document) {
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

LiveClient::LiveClient(std::shared_ptr<const LiveShared> shared, LiveProtocol protocol)
    : shared_(std::move(shared)), protocol_(protocol) {
  view_.protocol = protocol;
}

void LiveClient::on_wake(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  wake_ = std::make_shared<const std::function<void()>>(std::move(wake));
}

void LiveClient::wake() {
  std::shared_ptr<const std::function<void()>> wake;
  {
    const std::lock_guard lock(mutex_);
    wake = wake_;
  }
  if (wake) (*wake)();
}

void LiveClient::join() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(joined_, true)) return;
    shared_->board.join(view_);
  }
  wake();
}

void LiveClient::push(std::string text) {
  {
    const std::lock_guard lock(mutex_);
    if (ending_) return;
    if (answers_.size() >= kMostAnswers) {
      ending_ = http::WebSocketClose::kPolicy;
    } else {
      answers_.push_back(std::move(text));
    }
  }
  wake();
}

void LiveClient::end(http::WebSocketClose code) {
  {
    const std::lock_guard lock(mutex_);
    if (ending_) return;
    ending_ = code;
    if (protocol_ == LiveProtocol::kSocketIo && joined_ && answers_.size() < kMostAnswers)
      answers_.emplace_back("41");
  }
  wake();
}

LiveText LiveClient::next(std::optional<http::WebSocketClose>& close) {
  const std::lock_guard lock(mutex_);
  if (!answers_.empty()) {
    auto text = std::make_shared<const std::string>(std::move(answers_.front()));
    answers_.pop_front();
    return text;
  }
  if (ending_) {
    close = ending_;
    return nullptr;
  }
  return joined_ ? shared_->board.next(view_) : nullptr;
}

bool LiveClient::is_too_busy() {
  const std::int64_t now_us = shared_->monotonic_us();
  const std::lock_guard lock(mutex_);
  if (now_us - minute_began_us_ >= kMinuteUs) {
    minute_began_us_ = now_us;
    events_ = 0;
  }
  return ++events_ > kMostEvents;
}

void LiveClient::handle(std::string_view event, const Json& data, std::optional<std::uint64_t> ack) {
  if (is_too_busy()) return end(http::WebSocketClose::kPolicy);
  if (event == "subscribe") return subscribe(data, ack);
  if (event == "unsubscribe") return unsubscribe(data, ack);
  if (event == "authenticate") return authenticate_event(data, ack);
  if (event == "ping") return answer(ack, "pong", Json::object());
  refuse(ack, {"unknown_event", "There is no such event."});
}

void LiveClient::answer(std::optional<std::uint64_t> ack, std::string_view event, Json data) {
  if (!ack) return push(live_event(protocol_, event, to_text(data)));
  data["ok"] = true;
  push(socket_io_ack(*ack, to_text(data)));
}

void LiveClient::refuse(std::optional<std::uint64_t> ack, const LiveOutcome& why) {
  Json data = {{"code", why.code}, {"message", why.message}};
  if (!ack) return push(live_event(protocol_, "error", to_text(data)));
  data["ok"] = false;
  push(socket_io_ack(*ack, to_text(data)));
}

bool LiveClient::begin_question() {
  const std::lock_guard lock(mutex_);
  if (questions_ >= kMostQuestions) return false;
  ++questions_;
  return true;
}

void LiveClient::end_question() {
  const std::lock_guard lock(mutex_);
  --questions_;
}

bool LiveClient::add_subscription(const std::string& stream_id, bool by_key) {
  const bool known = view_.subscriptions.contains(stream_id);
  if (!known && view_.subscriptions.size() >= LiveView::kMostSubscriptions) return false;
  view_.everything = false;
  bool& opened = view_.subscriptions[stream_id];
  opened = opened || by_key;
  return true;
}

void LiveClient::subscribe(const Json& data, std::optional<std::uint64_t> ack) {
  const std::string name = stream_name(data);
  if (name.empty())
    return refuse(ack, {"bad_request", "streamKey must be a stream's public id or your key."});
  bool full = false;
  std::string own_id;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, key] : view_.own) {
      if (id == name || equal_in_constant_time(as_bytes(key), as_bytes(name))) own_id = id;
    }
    if (!own_id.empty()) full = !add_subscription(own_id, true);
  }
  if (full) return refuse(ack, too_many());
  if (!own_id.empty()) return answer(ack, "subscribed", {{"streamId", own_id}});
  if (!begin_question()) return refuse(ack, {"busy", "Wait for the answers to what was asked before."});
  bus::v1::Request request;
  request.mutable_get_stream()->set_name(name);
  shared_->ask_auth(std::move(request),
                    [self = shared_from_this(), name, ack](const Result<bus::v1::Reply>& reply) {
                      self->end_question();
                      self->finish_subscription(name, reply, ack);
                    });
}

// A private stream that is not the caller's does not exist for it.
void LiveClient::finish_subscription(const std::string& name, const Result<bus::v1::Reply>& reply,
                                     std::optional<std::uint64_t> ack) {
  const LiveOutcome unknown = {"stream_unknown", "There is no such stream."};
  if (!reply && reply.error().code == reply_codes::kUnknownStream) return refuse(ack, unknown);
  if (!reply || !reply->has_stream()) return refuse(ack, LiveOutcome::unavailable());
  const auth::v1::Stream& stream = reply->stream();
  const bool by_key = stream.stream_id() != name;
  bool open = false;
  bool added = false;
  {
    const std::lock_guard lock(mutex_);
    const bool own = !identity_.subject.empty() && identity_.subject == stream.subject();
    open = !(stream.is_private() || stream.barred()) || by_key || own || view_.admin;
    added = open && add_subscription(stream.stream_id(), by_key);
  }
  if (!open) return refuse(ack, unknown);
  if (!added) return refuse(ack, too_many());
  answer(ack, "subscribed", {{"streamId", stream.stream_id()}});
}

void LiveClient::unsubscribe(const Json& data, std::optional<std::uint64_t> ack) {
  std::string name = stream_name(data);
  bool was = false;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, key] : view_.own) {
      if (equal_in_constant_time(as_bytes(key), as_bytes(name))) name = id;
    }
    was = view_.subscriptions.erase(name) > 0;
  }
  if (!was) return refuse(ack, {"not_subscribed", "There is no such subscription."});
  answer(ack, "unsubscribed", {{"streamId", name}});
}

void LiveClient::authenticate_event(const Json& data, std::optional<std::uint64_t> ack) {
  authenticate(Secret(text_member(data, "token")),
               [self = shared_from_this(), ack](const LiveOutcome& outcome) {
                 if (!outcome) return self->refuse(ack, outcome);
                 std::string subject;
                 {
                   const std::lock_guard lock(self->mutex_);
                   subject = self->identity_.subject;
                 }
                 self->answer(ack, "authenticated", {{"subject", subject}});
               });
}

}  // namespace millrace::api
