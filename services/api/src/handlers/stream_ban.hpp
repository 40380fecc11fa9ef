// What both routes that ban and pardon do.
#pragma once

#include "base/ids.hpp"
#include "handlers/documents.hpp"
#include "stream_access.hpp"

namespace millrace::api {

// By its public id only: administrators know no keys. A banned stream's live publication is cut.
inline http::Response set_banned(const Call& call, const Context& context, bool banned) {
  const std::string_view stream_id = call.parameter("streamId");
  if (!is_valid_id(stream_id)) return unknown_stream();
  bus::v1::Request request;
  request.mutable_set_banned()->set_stream_id(std::string(stream_id));
  request.mutable_set_banned()->set_banned(banned);
  const auto changed = change_stream(call, context, std::move(request));
  if (!changed) return changed.error();
  return json_response(
      200, text_of({{"success", true},
                    {"message", banned ? "The stream is banned" : "The stream may be published again"},
                    {"streamId", changed->stream_id()},
                    {"banned", changed->banned()}}));
}

}  // namespace millrace::api
