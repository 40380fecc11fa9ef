// A stream's new key: what both routes that make one answer.
#pragma once

#include "handlers/documents.hpp"
#include "stream_access.hpp"

namespace millrace::api {

// The old key is worth nothing from then on and what is live with it is cut.
inline http::Response give_new_key(const Call& call, const Context& context, const auth::v1::Stream& stream) {
  bus::v1::Request request;
  request.mutable_regenerate_key()->set_stream_id(stream.stream_id());
  request.mutable_regenerate_key()->set_subject(stream.subject());
  const auto renewed = change_stream(call, context, std::move(request));
  if (!renewed) return renewed.error();
  const std::string stream_url = context.urls.publish(renewed->key());
  return json_response(200, text_of({{"success", true},
                                     {"message", "Stream key regenerated successfully"},
                                     {"newStreamKey", renewed->key()},
                                     {"newStreamUrl", stream_url},
                                     {"hlsUrl", context.urls.hls(renewed->stream_id(), renewed->key())},
                                     {"streamKey", renewed->key()},
                                     {"streamUrl", stream_url},
                                     {"streamId", renewed->stream_id()}}));
}

}  // namespace millrace::api
