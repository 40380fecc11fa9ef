// Old players have the stream key in their URL, where PUBLIC_STREAM_KEYS allows it: /live/<key>/index.m3u8
// and /live/<key>.flv lead to the same under the public id. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace millrace::packaging {

// The key in such a path, a view into it; nullopt when there is none.
std::optional<std::string_view> key_in(std::string_view path);
// The same path under the stream's id: 302, never kept by a cache.
http::Response redirect_to(const http::Request& request, std::string_view key, std::string_view stream_id);

}  // namespace millrace::packaging
