// GET /vod/access/:filename: may this caller have the recording? The edge asks before it serves a file that
// it cannot judge by itself; other callers learn what fetching the file would say.
#include "handlers/documents.hpp"
#include "recording_access.hpp"
#include "recordings.hpp"
#include "routes.hpp"
#include "vod.hpp"

namespace millrace::api {

http::Response vod_access_get(const Call& call, const Context& context) {
  const std::string_view name = call.parameter("filename");
  const auto visible = may_see_recording(call, context, name);
  if (!visible) return visible.error();
  if (*visible) {
    // Nobody may have what is not there, or not offered: a recording that is still being written, too.
    const auto file = open_recording(context.recordings.directory(), name);
    return file ? json_response(200, text_of({{"allowed", true}})) : file.error();
  }
  const bool nobody = call.identity.role == policy::Role::kAnyone;
  http::Response response =
      nobody
          ? http::Response::problem(401, "recording_private",
                                    "This recording is private: its owner's or a playback token is needed.")
          : http::Response::problem(403, "recording_private", "This recording is not yours.");
  response.headers.set("Cache-Control", "no-store");
  if (nobody) response.headers.set("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace millrace::api
