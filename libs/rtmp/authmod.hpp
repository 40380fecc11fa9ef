// User and password for servers that ask for them at connect ("authmod=adobe" of Flash Media Server and
// Wowza, "authmod=llnw" of Limelight). Not in Adobe's specification; as librtmp and ffmpeg do it.
//
//   connect app                          -> rejected: "… code=403 need auth; authmod=adobe"
//   connect app?authmod=adobe&user=u     -> rejected: "… ?reason=needauth&user=u&salt=s&challenge=c"
//   connect app?authmod=adobe&user=u&challenge=…&response=…
//                                        -> accepted, or rejected: "… ?reason=authfailed"
//
// Each on a connection of its own: the server closes after a rejection.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace::rtmp {

struct Credentials {
  std::string_view user;
  std::string_view password;
  std::string_view app;            // llnw signs it
  std::string_view client_random;  // 8 hexadecimal digits, fresh per connection
};

// What is to follow app and tcUrl on the next connection, '?' included. Nullopt: the description of the
// rejection asks for nothing that we can answer, or says that the answer was wrong.
std::optional<std::string> answer_challenge(std::string_view description, const Credentials& credentials);

}  // namespace millrace::rtmp
