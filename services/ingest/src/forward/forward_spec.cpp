#include "forward/forward_spec.hpp"

#include "base/ids.hpp"

namespace millrace::ingest {

std::string_view name_of(ForwardState state) {
  switch (state) {
    case ForwardState::kResolving:
      return "resolving";
    case ForwardState::kConnecting:
      return "connecting";
    case ForwardState::kSecuring:
      return "securing";
    case ForwardState::kOpening:
      return "opening";
    case ForwardState::kSending:
      return "sending";
    case ForwardState::kWaiting:
      return "waiting";
    case ForwardState::kClosing:
      return "closing";
    case ForwardState::kGone:
      break;
  }
  return "gone";
}

std::string_view name_of(ForwardReason reason) {
  switch (reason) {
    case ForwardReason::kNone:
      break;
    case ForwardReason::kNotAllowed:
      return "not_allowed";
    case ForwardReason::kUnresolved:
      return "unresolved";
    case ForwardReason::kUnreachable:
      return "unreachable";
    case ForwardReason::kTls:
      return "tls";
    case ForwardReason::kTimeout:
      return "timeout";
    case ForwardReason::kRefused:
      return "refused";
    case ForwardReason::kProtocol:
      return "protocol";
    case ForwardReason::kEnded:
      return "ended";
    case ForwardReason::kClosed:
      return "closed";
    case ForwardReason::kSlow:
      return "slow";
    case ForwardReason::kRedirects:
      return "redirects";
    case ForwardReason::kAsked:
      return "asked";
  }
  return "";
}

bool same_target(const ForwardSpec& a, const ForwardSpec& b) {
  return a.id == b.id && a.stream_id == b.stream_id && a.url.tc_url() == b.url.tc_url() &&
         a.url.name == b.url.name && a.url.user == b.url.user && a.url.password == b.url.password;
}

namespace {

Result<ForwardSpecPtr> parse_entry(std::string_view entry, std::size_t number) {
  const auto wrong = [number](std::string_view why) {
    return fail("ingest.forward_targets", "entry " + std::to_string(number) + ": " + std::string(why));
  };
  const std::size_t equals = entry.find('=');
  if (equals == std::string_view::npos) return wrong("stream-id=URL or *=URL is expected");
  const std::string_view stream_id = entry.substr(0, equals);
  if (stream_id != ForwardSpec::kEveryStream && !is_valid_id(stream_id))
    return wrong("the stream id is not valid");
  auto url = rtmp::parse_url(entry.substr(equals + 1));
  if (!url) return wrong(url.error().message);
  return std::make_shared<const ForwardSpec>(
      ForwardSpec{"config-" + std::to_string(number), std::string(stream_id), std::move(*url)});
}

}  // namespace

Result<std::vector<ForwardSpecPtr>> parse_forward_targets(std::string_view text) {
  constexpr std::string_view kWhiteSpace = " \t\r\n";
  std::vector<ForwardSpecPtr> specs;
  for (std::size_t at = text.find_first_not_of(kWhiteSpace); at != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(kWhiteSpace, at), text.size());
    auto spec = parse_entry(text.substr(at, end - at), specs.size() + 1);
    if (!spec) return tl::unexpected<Error>(spec.error());
    specs.push_back(std::move(*spec));
    at = text.find_first_not_of(kWhiteSpace, end);
  }
  return specs;
}

}  // namespace millrace::ingest
