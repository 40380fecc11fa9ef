#include "rtmp/client_session.hpp"

#include <type_traits>

#include "rtmp/client_commands.hpp"
#include "rtmp/client_state.hpp"
#include "rtmp/message_receiver.hpp"

namespace millrace::rtmp {

namespace {

constexpr std::uint8_t kSnapshotVersion = 1;

// What the message layer says, in the client's words; requests are not among it.
void move_actions(std::vector<Action>& from, std::vector<ClientAction>& out) {
  for (Action& action : from) {
    std::visit(
        [&out](auto& each) {
          if constexpr (std::is_constructible_v<ClientAction, decltype(std::move(each))>) {
            out.emplace_back(std::move(each));
          }
        },
        action);
  }
  from.clear();
}

// Commands of a server.
class ClientReceiver final : public MessageReceiver {
 public:
  ClientReceiver(ClientState& state, std::vector<Action>& messages, std::vector<ClientAction>& out)
      : MessageReceiver(state, MessageStream::Use::kPlaying, messages),
        state_(state),
        messages_(messages),
        out_(out) {}

 private:
  Result<void> handle_command(const Command& command, std::uint32_t /*message_stream_id*/) override {
    if (state_.phase == ClientPhase::kOver) return {};
    move_actions(messages_, out_);
    return ClientCommands(state_, out_).handle(command);
  }

  ClientState& state_;
  std::vector<Action>& messages_;
  std::vector<ClientAction>& out_;
};

Result<void> receive_bytes(ClientState& state, ByteView bytes, std::vector<Action>& messages,
                           std::vector<ClientAction>& out) {
  if (!state.handshake.done()) {
    Bytes reply;
    auto shaken = state.handshake.receive(bytes, reply);
    if (!reply.empty()) out.emplace_back(SendBytes{std::move(reply)});
    if (!shaken) return shaken;
    if (state.handshake.done()) ClientCommands(state, out).connect();
  }
  ClientReceiver receiver(state, messages, out);
  return state.chunks.receive(bytes, state.limits, receiver);
}

}  // namespace

ClientRequest client_request(const Url& url, ClientUse use) {
  ClientRequest request;
  request.use = use;
  request.app = url.app;
  request.tc_url = url.tc_url();
  request.name = url.name;
  request.user = url.user;
  request.password = url.password;
  return request;
}

ClientSession::ClientSession(ClientRequest request, std::uint64_t seed, const SessionLimits& limits)
    : state_(std::make_unique<ClientState>(limits, seed)) {
  state_->request = std::move(request);
}
ClientSession::ClientSession(std::unique_ptr<ClientState> state) : state_(std::move(state)) {}
ClientSession::~ClientSession() = default;
ClientSession::ClientSession(ClientSession&&) noexcept = default;
ClientSession& ClientSession::operator=(ClientSession&&) noexcept = default;

Bytes ClientSession::begin() const {
  ByteWriter out;
  state_->handshake.begin(out);
  return out.take();
}

void ClientSession::receive(ByteView bytes, std::vector<ClientAction>& out) {
  if (over()) return;
  state_->received += bytes.size();
  std::vector<Action> messages;
  auto received = receive_bytes(*state_, bytes, messages, out);
  if (over()) return;  // the last action is said
  send_acknowledgements(*state_, messages);
  move_actions(messages, out);
  if (received) return;
  state_->phase = ClientPhase::kOver;
  out.emplace_back(Close{std::move(received.error())});
}

Bytes ClientSession::finish() {
  if (!running()) return {};
  ByteWriter out;
  append_finish(*state_, out);
  state_->phase = ClientPhase::kOver;
  return out.take();
}

bool ClientSession::running() const {
  return state_->phase == ClientPhase::kRunning;
}
bool ClientSession::over() const {
  return state_->phase == ClientPhase::kOver;
}
std::uint64_t ClientSession::received_bytes() const {
  return state_->received;
}

Bytes ClientSession::save() const {
  ByteWriter out;
  out.u8(kSnapshotVersion);
  state_->save(out);
  return out.take();
}

Result<ClientSession> ClientSession::restore(ByteView saved, const SessionLimits& limits) {
  ByteReader reader(saved);
  auto state = std::make_unique<ClientState>(limits, 0);
  if (reader.u8() != kSnapshotVersion || !state->restore(reader)) {
    return fail("rtmp.snapshot", "not a saved session of this version");
  }
  return ClientSession(std::move(state));
}

}  // namespace millrace::rtmp
