// What each service may ask of the others, and what it may say. A tool without a name and "operator" may ask
// everything, where the way to us says that they are no others. A pure table.
#pragma once

#include <cstdint>
#include <string_view>

#include "bus/v1/bus.pb.h"

namespace millrace::bus {

inline constexpr std::string_view kOperator = "operator";

// How a request came in, and so what is known of its sender.
enum class Way : std::uint8_t {
  kDirectory,  // over ipc: the directory's permissions let it in, and it is who it says
  kPlainTcp,   // any user of the machine, whoever it says it is
  kKey,        // over tcp with keys: it is the owner of one
};

// Whether an event is the service's to publish; one without a payload is everybody's.
bool may_say(std::string_view service, v1::Event::PayloadCase what);
// service: whose key it is, or who it says it is. Snapshots are for all who get in. Over plain tcp nobody
// has the rights of the operator, nor those of api, which speaks for every account, administrators' too.
bool may_ask(Way way, std::string_view service, v1::Request::PayloadCase what);

}  // namespace millrace::bus
