// The public addresses of streams. Values only.
#pragma once

#include <string>
#include <string_view>

namespace millrace::api {

struct Urls {
  std::string rtmp_base;     // "rtmp://localhost:1935", without a slash at the end
  std::string hls_base;      // "http://localhost:8000"
  std::string api_base{};    // "http://localhost:3000"
  bool public_keys = false;  // hls() has the key where it is given, as older clients expect it

  std::string publish(std::string_view key) const;
  std::string hls(std::string_view stream_id, std::string_view key = {}) const;
  std::string flv(std::string_view stream_id) const;
  // What the watch page needs: {"hlsBaseUrl":"https://cdn.example"}, or {"hlsPort":8000} when hls_base names
  // this machine only as localhost: then the page takes the host it was loaded from, so that it works from
  // another machine too.
  std::string player_config() const;
  // The source of media in the watch page's Content-Security-Policy.
  std::string media_source() const;
};

}  // namespace millrace::api
