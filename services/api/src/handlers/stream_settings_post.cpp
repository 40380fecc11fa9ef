// POST /stream/settings/:streamKey: what is given changes, and holds for a live publication at once.
#include "handlers/documents.hpp"
#include "json_body.hpp"
#include "routes.hpp"
#include "stream_access.hpp"
#include "stream_settings.hpp"

namespace millrace::api {

http::Response stream_settings_post(const Call& call, const Context& context) {
  const auto stream = own_stream(call, context, policy::Operation::kChangeStream);
  if (!stream) return stream.error();
  JsonBody body = JsonBody::parse(call.body);
  const SettingsChange change = read_settings(body);
  if (body.fault()) return body.refusal(400);
  bus::v1::Request request;
  auth::v1::UpdateSettings& update = *request.mutable_update_settings();
  update.set_stream_id(stream->stream_id());
  if (change.quality) update.set_quality(*change.quality);
  if (change.max_bitrate_kbps) update.set_max_bitrate_kbps(*change.max_bitrate_kbps);
  if (change.resolution) update.set_resolution(*change.resolution);
  const auto updated = change_stream(call, context, std::move(request));
  if (!updated) return updated.error();
  return json_response(200, text_of({{"success", true},
                                     {"message", "Stream settings updated successfully"},
                                     {"settings", settings_document(updated->settings())}}));
}

}  // namespace millrace::api
