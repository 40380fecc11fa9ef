#include "rtmp/command_handler.hpp"

#include <algorithm>
#include <utility>

#include "rtmp/control_messages.hpp"
#include "rtmp/message_receiver.hpp"

namespace millrace::rtmp {

namespace {

constexpr std::uint32_t kOurWindow = 2'500'000;
constexpr std::string_view kServerVersion = "FMS/3,5,7,7009";  // encoders look at its form
constexpr double kCapabilities = 31;

struct SplitName {
  std::string_view name;
  std::string_view query;
};

// Without query and without slashes around it.
SplitName split_query(std::string_view text) {
  const std::size_t mark = text.find('?');
  SplitName split{text.substr(0, mark),
                  mark == std::string_view::npos ? std::string_view() : text.substr(mark + 1)};
  while (!split.name.empty() && split.name.front() == '/') split.name.remove_prefix(1);
  while (!split.name.empty() && split.name.back() == '/') split.name.remove_suffix(1);
  return split;
}

// rtmp://host:port/app/instance?query -> app/instance?query
std::string_view app_of_url(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  const std::size_t path = url.find('/', scheme + 3);
  return path == std::string_view::npos ? std::string_view() : url.substr(path + 1);
}

std::string_view text_of(const amf0::Object* object, std::string_view name) {
  const amf0::Value* value = object != nullptr ? object->find(name) : nullptr;
  const std::string* text = value != nullptr ? value->as<std::string>() : nullptr;
  return text != nullptr ? std::string_view(*text) : std::string_view();
}

std::string_view text_of(const std::string* text) {
  return text != nullptr ? std::string_view(*text) : std::string_view();
}

bool is_used(const MessageStream& stream) {
  return stream.use != MessageStream::Use::kIdle;
}

std::string_view level_name(StatusLevel level) {
  switch (level) {
    case StatusLevel::kStatus:
      return "status";
    case StatusLevel::kWarning:
      return "warning";
    case StatusLevel::kError:
      break;
  }
  return "error";
}

}  // namespace

amf0::Object status_information(StatusLevel level, std::string_view code, std::string_view description) {
  return {amf0::Object::Kind::kAnonymous,
          {},
          {{"level", level_name(level)}, {"code", code}, {"description", description}}};
}

void append_status(std::uint32_t message_stream_id, StatusLevel level, std::string_view code,
                   std::string_view description, std::uint32_t chunk_size, ByteWriter& out) {
  append_command(message_stream_id, "onStatus", 0,
                 {amf0::Null{}, status_information(level, code, description)}, chunk_size, out);
}

const CommandHandler::Row CommandHandler::kRows[] = {
    {"connect", &CommandHandler::connect},
    {"createStream", &CommandHandler::create_stream},
    {"deleteStream", &CommandHandler::delete_stream},
    {"closeStream", &CommandHandler::close_stream},
    {"publish", &CommandHandler::publish},
    {"releaseStream", &CommandHandler::acknowledge},
    {"FCPublish", &CommandHandler::fc_publish},
    {"FCUnpublish", &CommandHandler::fc_unpublish},
    {"play", &CommandHandler::play},
    {"play2", &CommandHandler::play2},
    {"FCSubscribe", &CommandHandler::acknowledge},
    {"FCUnsubscribe", &CommandHandler::acknowledge},
    {"getStreamLength", &CommandHandler::stream_length},
    {"_checkbw", &CommandHandler::acknowledge},
    {"checkBandwidth", &CommandHandler::acknowledge},
    {"pause", &CommandHandler::pause},
    {"pauseRaw", &CommandHandler::pause},
    {"seek", &CommandHandler::seek},
    {"receiveAudio", &CommandHandler::receive_audio},
    {"receiveVideo", &CommandHandler::receive_video},
    {"_result", &CommandHandler::ignore},
    {"_error", &CommandHandler::ignore},
    {"onStatus", &CommandHandler::ignore},
};

Result<void> CommandHandler::handle(const Command& command, std::uint32_t message_stream_id) {
  if (!state_.connected && command.name != "connect") return fail("rtmp.state", "a command before connect");
  const auto* row = std::find_if(std::begin(kRows), std::end(kRows),
                                 [&command](const Row& candidate) { return candidate.name == command.name; });
  if (row == std::end(kRows)) return unknown(command);
  return (this->*row->method)(command, message_stream_id);
}

// The peer's words are never echoed: they could be anything and end up in somebody's log.
Result<void> CommandHandler::unknown(const Command& command) {
  if (command.transaction > 0) {
    reply(command, "_error", amf0::Null{},
          status_information(StatusLevel::kError, "NetConnection.Call.Failed", "Unknown command."));
  }
  return {};
}

Result<void> CommandHandler::ignore(const Command& /*command*/, std::uint32_t /*message_stream_id*/) {
  return {};
}

Result<void> CommandHandler::acknowledge(const Command& command, std::uint32_t /*message_stream_id*/) {
  if (command.transaction > 0) reply(command, "_result", amf0::Null{}, amf0::Value());
  return {};
}

Result<void> CommandHandler::stream_length(const Command& command, std::uint32_t /*message_stream_id*/) {
  reply(command, "_result", amf0::Null{}, 0.0);  // live has no length
  return {};
}

Result<void> CommandHandler::connect(const Command& command, std::uint32_t /*message_stream_id*/) {
  if (state_.connected) return fail("rtmp.state", "connect came twice");
  const auto* object = command.argument<amf0::Object>(0);
  const std::string_view url = text_of(object, "tcUrl");
  std::string_view app = text_of(object, "app");
  if (app.empty()) app = app_of_url(url);
  const std::string_view flash_version = text_of(object, "flashVer");
  if (std::max({app.size(), url.size(), flash_version.size()}) > state_.limits.max_text_bytes) {
    return fail("rtmp.text_size", "app, tcUrl or flashVer of connect is too long");
  }
  const SplitName split = split_query(app);
  state_.app = split.name;
  state_.app_query = split.query;
  state_.tc_url = url;
  state_.flash_version = flash_version;
  if (object != nullptr) state_.capabilities = parse_capabilities(*object);
  state_.connected = true;
  send_connect_reply(command.transaction);
  return {};
}

void CommandHandler::send_connect_reply(double transaction) {
  ByteWriter out;
  append_window_acknowledgement_size(kOurWindow, out);
  append_set_peer_bandwidth(kOurWindow, out);
  append_set_chunk_size(state_.send_chunk_size, out);
  amf0::Object server{
      amf0::Object::Kind::kAnonymous, {}, {{"fmsVer", kServerVersion}, {"capabilities", kCapabilities}}};
  amf0::Object information =
      status_information(StatusLevel::kStatus, "NetConnection.Connect.Success", "Connection succeeded.");
  information.properties.push_back({"objectEncoding", 0.0});  // AMF0, whatever the client would like
  // E-RTMP says "some properties within an object": clients look in the one or the other.
  if (state_.capabilities.announced) {
    append_server_capabilities(server);
    append_server_capabilities(information);
  }
  append_command(0, "_result", transaction, {std::move(server), std::move(information)},
                 state_.send_chunk_size, out);
  send(out.view(), out_);
}

Result<void> CommandHandler::create_stream(const Command& command, std::uint32_t /*message_stream_id*/) {
  if (state_.streams.size() >= state_.limits.max_message_streams) {
    reply(command, "_error", amf0::Null{},
          status_information(StatusLevel::kError, "NetConnection.Call.Failed", "Too many streams."));
    return {};
  }
  std::uint32_t id = 1;  // 0 is the connection itself
  while (state_.find_stream(id) != nullptr) ++id;
  state_.streams.push_back({id, MessageStream::Use::kIdle, {}, {}});
  reply(command, "_result", amf0::Null{}, static_cast<double>(id));
  return {};
}

// Without a number, or with 0, it is the one stream that is in use.
Result<void> CommandHandler::delete_stream(const Command& command, std::uint32_t /*message_stream_id*/) {
  const double* id = command.argument<double>(1);
  const bool named = id != nullptr && *id != 0;
  const auto found =
      std::find_if(state_.streams.begin(), state_.streams.end(),
                   [&, only = named ? nullptr : state_.meant_stream(0, is_used)](
                       const MessageStream& stream) { return named ? stream.id == *id : &stream == only; });
  if (found == state_.streams.end()) return {};
  end_use(*found);
  state_.streams.erase(found);
  return {};
}

Result<void> CommandHandler::close_stream(const Command& /*command*/, std::uint32_t message_stream_id) {
  MessageStream* stream = state_.meant_stream(message_stream_id, is_used);
  if (stream != nullptr) end_use(*stream);
  return {};
}

Result<void> CommandHandler::fc_publish(const Command& command, std::uint32_t message_stream_id) {
  // Flash Media Live Encoder waits for onFCPublish before it publishes.
  ByteWriter out;
  append_command(
      0, "onFCPublish", 0,
      {amf0::Null{}, status_information(StatusLevel::kStatus, status::kPublishStart, "FCPublish.")},
      state_.send_chunk_size, out);
  send(out.view(), out_);
  return acknowledge(command, message_stream_id);
}

Result<void> CommandHandler::fc_unpublish(const Command& command, std::uint32_t message_stream_id) {
  const std::string_view name = split_query(text_of(command.argument<std::string>(1))).name;
  MessageStream* const stream = state_.meant_stream(0, [&](const MessageStream& candidate) {
    const bool named = name.empty() || name == candidate.name || name == state_.app + "/" + candidate.name;
    return candidate.use == MessageStream::Use::kPublishing && named;
  });
  if (stream != nullptr) end_use(*stream);
  return acknowledge(command, message_stream_id);
}

Result<void> CommandHandler::publish(const Command& command, std::uint32_t message_stream_id) {
  const std::string_view text = text_of(command.argument<std::string>(1));
  if (text.size() > state_.limits.max_text_bytes) return fail("rtmp.text_size", "a stream name is too long");
  MessageStream* stream = state_.find_stream(message_stream_id);
  const SplitName split = split_query(text);
  if (stream == nullptr || is_used(*stream)) {
    send_status(message_stream_id, StatusLevel::kError, status::kPublishBadName,
                "Not a stream that can be published.");
    return {};
  }
  stream->use = MessageStream::Use::kPublishRequested;
  stream->name = split.name;
  const std::string_view type =
      text_of(command.argument<std::string>(2)).substr(0, state_.limits.max_text_bytes);
  out_.emplace_back(PublishRequested{message_stream_id, state_.app, stream->name, joined_query(split.query),
                                     std::string(type), state_.tc_url, state_.flash_version});
  return {};
}

// Its start, duration and reset are not looked at: everything is live. rtmpdump asks for start 0.
Result<void> CommandHandler::play(const Command& command, std::uint32_t message_stream_id) {
  return request_play(text_of(command.argument<std::string>(1)), message_stream_id);
}

// NetStreamPlayOptions. Plays the stream where none is played; else it wants to switch to another one.
Result<void> CommandHandler::play2(const Command& command, std::uint32_t message_stream_id) {
  return request_play(text_of(command.argument<amf0::Object>(1), "streamName"), message_stream_id);
}

Result<void> CommandHandler::request_play(std::string_view text, std::uint32_t message_stream_id) {
  if (text.size() > state_.limits.max_text_bytes) return fail("rtmp.text_size", "a stream name is too long");
  MessageStream* stream = state_.find_stream(message_stream_id);
  const SplitName split = split_query(text);
  if (stream == nullptr || is_used(*stream)) {
    send_status(message_stream_id, StatusLevel::kError, status::kPlayFailed,
                "Not a stream that can be played.");
    return {};
  }
  stream->use = MessageStream::Use::kPlayRequested;
  stream->name = split.name;
  out_.emplace_back(PlayRequested{message_stream_id, state_.app, stream->name, joined_query(split.query),
                                  state_.tc_url, state_.flash_version});
  return {};
}

MessageStream* CommandHandler::find_played(std::uint32_t message_stream_id) {
  return state_.meant_stream(message_stream_id, [](const MessageStream& stream) {
    return stream.use == MessageStream::Use::kPlaying || stream.use == MessageStream::Use::kPlayRequested;
  });
}

void CommandHandler::report_wishes(const MessageStream& stream) {
  if (stream.use == MessageStream::Use::kPlaying) out_.emplace_back(PlayChanged{stream.id, stream.wishes});
}

// pause(flag, milliseconds); pauseRaw is Flash's name for it where the client buffers by itself. Live goes on
// meanwhile, so the time means nothing.
Result<void> CommandHandler::pause(const Command& command, std::uint32_t message_stream_id) {
  MessageStream* stream = find_played(message_stream_id);
  const bool* wanted = command.argument<bool>(1);
  if (stream == nullptr || wanted == nullptr) return {};
  ByteWriter out;
  append_user_control({*wanted ? UserControlEvent::kStreamEof : UserControlEvent::kStreamBegin, stream->id},
                      out);
  append_status(stream->id, StatusLevel::kStatus, *wanted ? status::kPauseNotify : status::kUnpauseNotify,
                *wanted ? "Paused." : "Goes on with the newest key frame.", state_.send_chunk_size, out);
  send(out.view(), out_);
  const bool changed = std::exchange(stream->wishes.paused, *wanted) != *wanted;
  if (changed) report_wishes(*stream);
  return {};
}

Result<void> CommandHandler::seek(const Command& command, std::uint32_t message_stream_id) {
  const MessageStream* stream = find_played(message_stream_id);
  if (stream == nullptr) return {};
  const double* milliseconds = command.argument<double>(1);
  const bool valid = milliseconds != nullptr && *milliseconds >= 0;  // NaN is not
  send_status(stream->id, StatusLevel::kError, valid ? status::kSeekFailed : status::kSeekInvalidTime,
              valid ? "A live stream has no other times." : "Not a time.");
  return {};
}

Result<void> CommandHandler::receive_audio(const Command& command, std::uint32_t message_stream_id) {
  MessageStream* stream = find_played(message_stream_id);
  const bool* wanted = command.argument<bool>(1);
  if (stream == nullptr || wanted == nullptr) return {};
  if (std::exchange(stream->wishes.audio, *wanted) != *wanted) report_wishes(*stream);
  return {};
}

Result<void> CommandHandler::receive_video(const Command& command, std::uint32_t message_stream_id) {
  MessageStream* stream = find_played(message_stream_id);
  const bool* wanted = command.argument<bool>(1);
  if (stream == nullptr || wanted == nullptr) return {};
  if (std::exchange(stream->wishes.video, *wanted) != *wanted) report_wishes(*stream);
  return {};
}

void CommandHandler::end_use(MessageStream& stream) {
  const MessageStream::Use use = stream.use;
  stream.use = MessageStream::Use::kIdle;
  stream.name.clear();
  stream.wishes = {};
  if (use == MessageStream::Use::kPublishing) {
    state_.told_of_dropped_media = true;  // an encoder's last frames may still come
    drop_open_messages(state_, stream.id, &out_);
    send_status(stream.id, StatusLevel::kStatus, status::kUnpublishSuccess, "Stopped publishing.");
    out_.emplace_back(PublishEnded{stream.id});
  } else if (use != MessageStream::Use::kIdle) {
    send_status(stream.id, StatusLevel::kStatus, status::kPlayStop, "Stopped playing.");
    out_.emplace_back(PlayEnded{stream.id});
  }
}

void CommandHandler::reply(const Command& command, std::string_view name, amf0::Value object,
                           amf0::Value information) {
  ByteWriter out;
  append_command(0, name, command.transaction, {std::move(object), std::move(information)},
                 state_.send_chunk_size, out);
  send(out.view(), out_);
}

void CommandHandler::send_status(std::uint32_t message_stream_id, StatusLevel level, std::string_view code,
                                 std::string_view description) {
  ByteWriter out;
  append_status(message_stream_id, level, code, description, state_.send_chunk_size, out);
  send(out.view(), out_);
}

std::string CommandHandler::joined_query(std::string_view query) const {
  if (query.empty() || state_.app_query.empty()) return state_.app_query + std::string(query);
  return state_.app_query + "&" + std::string(query);
}

}  // namespace millrace::rtmp
