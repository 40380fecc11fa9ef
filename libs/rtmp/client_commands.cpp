#include "rtmp/client_commands.hpp"

#include <cmath>

#include "base/secret.hpp"
#include "rtmp/authmod.hpp"
#include "rtmp/chunk_writer.hpp"
#include "rtmp/control_messages.hpp"

namespace millrace::rtmp {

namespace {

// Transaction ids; releaseStream's and FCPublish's answers don't matter, some servers send none.
constexpr double kConnect = 1;
constexpr double kReleaseStream = 2;
constexpr double kFcPublish = 3;
constexpr double kCreateStream = 4;
constexpr double kStart = 5;
constexpr double kFcUnpublish = 6;
constexpr double kDeleteStream = 7;

constexpr std::size_t kMaxShown = 256;
constexpr std::uint32_t kDefaultChunkSize = 128;
constexpr double kObjectEncodingAmf0 = 0;
// What Flash Player says that it can do: everything.
constexpr double kAudioCodecs = 0x0FFF;
constexpr double kVideoCodecs = 0x00FF;
constexpr double kPlayLive = -1000;  // play's start: a live stream, no recorded one

void append(std::uint32_t message_stream_id, std::string_view name, double transaction,
            std::initializer_list<amf0::Value> arguments, std::uint32_t chunk_size, ByteWriter& out) {
  ByteWriter body;
  amf0::serialize(name, body);
  amf0::serialize(transaction, body);
  for (const amf0::Value& argument : arguments) amf0::serialize(argument, body);
  append_message({kCommandChunkStream, MessageType::kCommand, 0, 0, message_stream_id}, body.view(),
                 chunk_size, out);
}

std::string_view text_of(const amf0::Object* object, std::string_view name) {
  const amf0::Value* value = object != nullptr ? object->find(name) : nullptr;
  const std::string* text = value != nullptr ? value->as<std::string>() : nullptr;
  return text != nullptr ? std::string_view(*text) : std::string_view();
}

const amf0::Object* object_of(const amf0::Object* object, std::string_view name) {
  const amf0::Value* value = object != nullptr ? object->find(name) : nullptr;
  return value != nullptr ? value->as<amf0::Object>() : nullptr;
}

// The information object: behind the command object or null, but some servers leave that out.
const amf0::Object* information_of(const Command& command) {
  const auto* second = command.argument<amf0::Object>(1);
  return second != nullptr ? second : command.argument<amf0::Object>(0);
}

bool ends_stream(std::string_view level, std::string_view code) {
  return level == "error" || code == status::kUnpublishSuccess || code == status::kPlayStop ||
         code == "NetConnection.Connect.Closed";
}

}  // namespace

void ClientCommands::send(ByteWriter&& bytes) {
  out_.emplace_back(SendBytes{bytes.take()});
}

void ClientCommands::finish(ClientAction last) {
  state_.phase = ClientPhase::kOver;
  out_.push_back(std::move(last));
}

std::string ClientCommands::shown(std::string_view text) const {
  const std::string_view name =
      std::string_view(state_.request.name).substr(0, state_.request.name.find('?'));
  for (const std::string_view secret : {name, std::string_view(state_.request.password)}) {
    if (!secret.empty() && text.find(secret) != std::string_view::npos) return "(left out: holds a secret)";
  }
  return std::string(text.substr(0, kMaxShown));
}

void ClientCommands::connect() {
  const ClientRequest& request = state_.request;
  amf0::Object properties{amf0::Object::Kind::kAnonymous,
                          {},
                          {{"app", request.app + request.authentication},
                           {"type", "nonprivate"},
                           {"flashVer", request.flash_version},
                           {"tcUrl", request.tc_url + request.authentication}}};
  if (request.use == ClientUse::kPlay) {
    properties.properties.push_back({"fpad", false});
    properties.properties.push_back({"audioCodecs", kAudioCodecs});
    properties.properties.push_back({"videoCodecs", kVideoCodecs});
  }
  properties.properties.push_back({"objectEncoding", kObjectEncodingAmf0});
  if (!request.four_ccs.empty()) {
    amf0::StrictArray four_ccs;
    for (const std::string& four_cc : request.four_ccs) four_ccs.values.emplace_back(four_cc);
    properties.properties.push_back({"fourCcList", std::move(four_ccs)});
  }
  if (request.caps_ex != 0) {
    properties.properties.push_back({"capsEx", static_cast<double>(request.caps_ex)});
  }
  ByteWriter out;
  append(0, "connect", kConnect, {std::move(properties)}, kDefaultChunkSize, out);
  send(std::move(out));
  state_.phase = ClientPhase::kConnecting;
}

void ClientCommands::create_stream() {
  const bool publish = state_.request.use == ClientUse::kPublish;
  ByteWriter out;
  append_set_chunk_size(kClientChunkSize, out);
  if (publish) {
    const auto command = [&](std::string_view name, double transaction) {
      append(0, name, transaction, {amf0::Null{}, state_.request.name}, kClientChunkSize, out);
    };
    command("releaseStream", kReleaseStream);
    command("FCPublish", kFcPublish);
  }
  append(0, "createStream", kCreateStream, {amf0::Null{}}, kClientChunkSize, out);
  send(std::move(out));
  state_.phase = ClientPhase::kCreating;
}

Result<void> ClientCommands::start(const Command& created) {
  const double* number = created.argument<double>(1);
  const bool usable =
      number != nullptr && *number >= 1 && *number <= UINT32_MAX && std::trunc(*number) == *number;
  if (!usable) return fail("rtmp.state", "createStream was answered without a message stream");
  const auto id = static_cast<std::uint32_t>(*number);
  const bool publish = state_.request.use == ClientUse::kPublish;
  state_.streams = {{id, state_.use(), {}}};
  ByteWriter out;
  if (publish) {
    append(id, "publish", kStart, {amf0::Null{}, state_.request.name, "live"}, kClientChunkSize, out);
  } else {
    append(id, "play", kStart, {amf0::Null{}, state_.request.name, kPlayLive}, kClientChunkSize, out);
  }
  send(std::move(out));
  state_.phase = ClientPhase::kStarting;
  return {};
}

Result<void> ClientCommands::handle(const Command& command) {
  if (command.name == "_result") return handle_result(command);
  if (command.name == "_error") {
    handle_error(command);
  } else if (command.name == "onStatus") {
    handle_status(information_of(command));
  } else if (command.name == "close") {
    finish(Ended{"NetConnection.Connect.Closed", {}});
  }
  return {};  // onBWDone, onFCPublish and the like: nothing of ours depends on them
}

// Servers say what they can do in the first object or beside the code.
void ClientCommands::learn(const Command& connected) {
  for (const std::size_t index : {0U, 1U}) {
    const auto* object = connected.argument<amf0::Object>(index);
    if (object != nullptr && !state_.capabilities.announced)
      state_.capabilities = parse_capabilities(*object);
  }
}

Result<void> ClientCommands::handle_result(const Command& command) {
  if (command.transaction == kConnect && state_.phase == ClientPhase::kConnecting) {
    learn(command);
    create_stream();
  }
  if (command.transaction == kCreateStream && state_.phase == ClientPhase::kCreating) return start(command);
  return {};
}

void ClientCommands::handle_error(const Command& command) {
  const amf0::Object* information = information_of(command);
  if (command.transaction == kConnect && state_.phase == ClientPhase::kConnecting) {
    return handle_connect_error(information);
  }
  const bool ours = (command.transaction == kCreateStream && state_.phase == ClientPhase::kCreating) ||
                    (command.transaction == kStart && state_.phase == ClientPhase::kStarting);
  if (ours) refuse(information);
}

void ClientCommands::handle_connect_error(const amf0::Object* information) {
  constexpr double kFound = 302;
  const amf0::Object* extra = object_of(information, "ex");
  const amf0::Value* number = extra != nullptr ? extra->find("code") : nullptr;
  const double* code = number != nullptr ? number->as<double>() : nullptr;
  std::string_view redirect = text_of(extra, "redirect");
  if (redirect.empty()) redirect = text_of(information, "redirect");
  if (!redirect.empty() && (code == nullptr || *code == kFound) && redirect.size() <= Url::kMaxBytes) {
    return finish(Redirected{std::string(redirect)});
  }
  ByteWriter random;
  random.u32(static_cast<std::uint32_t>(state_.seed >> 16));
  const std::string client_random = hex(random.view());
  const ClientRequest& request = state_.request;
  if (auto answer = answer_challenge(text_of(information, "description"),
                                     {request.user, request.password, request.app, client_random});
      answer && *answer != request.authentication && answer->size() <= Url::kMaxBytes) {
    return finish(Challenged{std::move(*answer)});
  }
  refuse(information);
}

void ClientCommands::refuse(const amf0::Object* information) {
  finish(Refused{shown(text_of(information, "code")), shown(text_of(information, "description"))});
}

void ClientCommands::handle_status(const amf0::Object* information) {
  const std::string_view code = text_of(information, "code");
  const std::string_view level = text_of(information, "level");
  const std::string_view description = text_of(information, "description");
  if (code == "NetConnection.Connect.ReconnectRequest") {
    const std::string_view tc_url = text_of(information, "tcUrl");
    out_.emplace_back(
        ReconnectRequested{std::string(tc_url.size() <= Url::kMaxBytes ? tc_url : ""), shown(description)});
    return;
  }
  const bool publish = state_.request.use == ClientUse::kPublish;
  const bool started = code == (publish ? status::kPublishStart : status::kPlayStart);
  if (state_.phase == ClientPhase::kStarting && started) {
    state_.phase = ClientPhase::kRunning;
    out_.emplace_back(Ready{state_.stream_id(), state_.capabilities});
  } else if (ends_stream(level, code)) {
    if (state_.phase != ClientPhase::kRunning) return refuse(information);
    finish(Ended{shown(code), shown(description)});
  } else if (state_.phase == ClientPhase::kRunning) {
    out_.emplace_back(StatusReceived{shown(code), shown(description)});
  }
}

void append_finish(const ClientState& state, ByteWriter& out) {
  if (state.request.use == ClientUse::kPublish) {
    append(0, "FCUnpublish", kFcUnpublish, {amf0::Null{}, state.request.name}, kClientChunkSize, out);
  }
  append(0, "deleteStream", kDeleteStream, {amf0::Null{}, static_cast<double>(state.stream_id())},
         kClientChunkSize, out);
}

}  // namespace millrace::rtmp
