#include "rtmp/client_state.hpp"

namespace millrace::rtmp {

namespace {

constexpr std::size_t kMaxFourCcs = 64;

void save_request(const ClientRequest& request, ByteWriter& out) {
  out.u8(static_cast<std::uint8_t>(request.use));
  for (const std::string* text : {&request.app, &request.tc_url, &request.name, &request.user,
                                  &request.password, &request.authentication, &request.flash_version}) {
    save_text(*text, out);
  }
  out.u16(static_cast<std::uint16_t>(request.four_ccs.size()));
  for (const std::string& four_cc : request.four_ccs) save_text(four_cc, out);
  out.u32(request.caps_ex);
}

bool restore_request(ByteReader& reader, ClientRequest& request) {
  const std::uint8_t use = reader.u8();
  request.use = static_cast<ClientUse>(use);
  for (std::string* text : {&request.app, &request.tc_url, &request.name, &request.user, &request.password,
                            &request.authentication, &request.flash_version}) {
    *text = restore_text(reader);
  }
  const std::size_t count = reader.u16();
  if (count > kMaxFourCcs) return false;
  request.four_ccs.resize(count);
  for (std::string& four_cc : request.four_ccs) four_cc = restore_text(reader);
  request.caps_ex = reader.u32();
  return reader.ok() && use <= static_cast<std::uint8_t>(ClientUse::kPlay);
}

}  // namespace

void ClientState::save(ByteWriter& out) const {
  handshake.save(out);
  out.u64(seed);
  save_request(request, out);
  out.u8(static_cast<std::uint8_t>(phase));
  capabilities.save(out);
  save_messages(out);
}

bool ClientState::restore(ByteReader& reader) {
  if (!handshake.restore(reader)) return false;
  seed = reader.u64();
  if (!restore_request(reader, request)) return false;
  const std::uint8_t saved_phase = reader.u8();
  if (saved_phase > static_cast<std::uint8_t>(ClientPhase::kOver)) return false;
  phase = static_cast<ClientPhase>(saved_phase);
  if (!capabilities.restore(reader)) return false;
  const bool has_stream = phase == ClientPhase::kStarting || phase == ClientPhase::kRunning;
  return restore_messages(reader) && reader.empty() && streams.size() <= 1 &&
         (!has_stream || streams.size() == 1);
}

}  // namespace millrace::rtmp
