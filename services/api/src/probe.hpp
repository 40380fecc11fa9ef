// One request over a connection of its own: does the application answer?
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace millrace::api {

// Sends the request to 127.0.0.1:port; true when bytes come back in time. Blocks.
bool answers(std::uint16_t port, const std::string& request, std::chrono::milliseconds patience);

}  // namespace millrace::api
