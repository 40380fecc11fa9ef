#include "recording_access.hpp"

#include "playback/revocations.hpp"
#include "recordings.hpp"
#include "recordings/file_names.hpp"
#include "recordings/private_mark.hpp"

namespace millrace::api {
namespace {

// stream: nullptr when auth does not know it (any more). What was recorded as private is then for
// administrators only, and all of a deleted stream: it may have been closed when it was deleted. Before auth
// was heard in whole any of them may be one.
bool is_visible(const Call& call, const Context& context, std::string_view name, std::string_view stream_id,
                const StreamEntry* stream) {
  const bool closed = stream != nullptr ? stream->is_private
                                        : context.watching.standing(stream_id) != playback::Standing::kPublic;
  const bool is_private = closed || recordings::is_marked_private(context.recordings.directory(), name);
  const std::string_view owner = stream != nullptr ? std::string_view(stream->subject) : std::string_view();
  return !is_private || policy::judge(call.identity.caller(), policy::Operation::kReadStream, owner) ==
                            policy::Verdict::kAllowed;
}

}  // namespace

OrAnswer<std::vector<std::string>> visible_recordings(const Call& call, const Context& context,
                                                      std::vector<std::string> names) {
  std::vector<std::string> ids;
  for (const std::string& name : names) {
    const auto parsed = recordings::parse_finished_name(name);
    // Names are sorted: those of a stream stand together.
    if (parsed && (ids.empty() || ids.back() != parsed->stream_id)) ids.emplace_back(parsed->stream_id);
  }
  const auto streams = context.directory.find_all(ids, call.deadline);
  if (!streams) return tl::unexpected(unavailable("auth"));
  std::erase_if(names, [&](const std::string& name) {
    const auto parsed = recordings::parse_finished_name(name);
    if (!parsed) return false;
    const auto stream = streams->find(parsed->stream_id);
    return !is_visible(call, context, name, parsed->stream_id,
                       stream == streams->end() ? nullptr : &stream->second);
  });
  return names;
}

OrAnswer<bool> may_see_recording(const Call& call, const Context& context, std::string_view name) {
  const auto parsed = recordings::parse_finished_name(name);
  if (!parsed) return true;
  const auto stream = context.directory.find(parsed->stream_id, call.deadline);
  if (!stream) return tl::unexpected(unavailable("auth"));
  return is_visible(call, context, name, parsed->stream_id, *stream ? &**stream : nullptr);
}

}  // namespace millrace::api
