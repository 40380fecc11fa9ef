#include "recording_access.hpp"

#include "vod.hpp"

namespace millrace::api {
namespace {

bool is_visible(const Call& call, const StreamEntry& stream) {
  return may_see(call, stream, stream.stream_id);
}

}  // namespace

OrAnswer<std::vector<std::string>> visible_recordings(const Call& call, const Context& context,
                                                      std::vector<std::string> names) {
  std::vector<std::string> ids;
  for (const std::string& name : names) {
    const auto parsed = parse_recording_name(name);
    // Names are sorted: those of a stream stand together.
    if (parsed && (ids.empty() || ids.back() != parsed->stream_id)) ids.emplace_back(parsed->stream_id);
  }
  const auto streams = context.directory.find_all(ids, call.deadline);
  if (!streams) return tl::unexpected(unavailable("auth"));
  std::erase_if(names, [&](const std::string& name) {
    const auto parsed = parse_recording_name(name);
    if (!parsed) return false;
    const auto stream = streams->find(parsed->stream_id);
    return stream != streams->end() && !is_visible(call, stream->second);
  });
  return names;
}

OrAnswer<bool> may_see_recording(const Call& call, const Context& context, std::string_view name) {
  const auto parsed = parse_recording_name(name);
  if (!parsed) return true;
  const auto stream = context.directory.find(parsed->stream_id, call.deadline);
  if (!stream) return tl::unexpected(unavailable("auth"));
  return !*stream || is_visible(call, **stream);
}

}  // namespace millrace::api
