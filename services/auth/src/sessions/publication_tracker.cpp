#include "sessions/publication_tracker.hpp"

#include <optional>
#include <unordered_set>

#include "sessions/request_text.hpp"

namespace millrace::auth {
namespace {

constexpr std::int64_t kCheckUs = 5'000'000;

}  // namespace

void PublicationTracker::published(const LivePublication& publication, Now now) {
  const bool is_refused = !sessions_.published(publication.publication_id);
  const RevokedStream* const fence = closes_.fence(publication);
  if (is_refused || fence != nullptr) {
    closes_.close({.stream_id = publication.stream_id,
                   .publication_id = publication.publication_id,
                   .for_good = fence == nullptr || fence->for_good},
                  now.monotonic_us + CloseOrders::kRetryUs);
  }
  limits_.published(publication.stream_id, now);
}

void PublicationTracker::snapshot(const std::vector<LivePublication>& live, Now now) {
  raise_epochs_(live);
  std::unordered_set<PublicationId> ids;
  for (const LivePublication& publication : live) {
    ids.insert(publication.publication_id);
    published(publication, now);
  }
  for (const PublicationId id : sessions_.book().missing(ids)) ends_.publication_over(id, now);
}

void PublicationTracker::end_past(const std::vector<LivePublication>& past, Now now) {
  for (const LivePublication& publication : past) {
    closes_.close({.stream_id = publication.stream_id,
                   .publication_id = publication.publication_id,
                   .instance = publication.instance},
                  now.monotonic_us + CloseOrders::kRetryUs);
  }
}

void PublicationTracker::close_channel(const std::string& channel, const std::string& session_id, Now now) {
  const std::int64_t until_us = now.monotonic_us + kOrderRetryUs;
  if (session_id.empty() || session_id == "*") return closes_.close({.stream_id = channel}, until_us);
  PublicationId publication_id = sessions_.book().open_session(channel, session_id);
  const std::optional<LivePublication> live = live_.find(channel);
  if (publication_id == kNoPublication && live &&
      (live->session_id == session_id || id_text(number_of(live->publication_id)) == session_id)) {
    publication_id = live->publication_id;
  }
  if (publication_id != kNoPublication)
    closes_.close({.stream_id = channel, .publication_id = publication_id}, until_us);
}

void PublicationTracker::tick(Now now) {
  if (now.monotonic_us < next_check_us_) return;
  next_check_us_ = now.monotonic_us + kCheckUs;
  end_lost(now);
  if (live_.known() && live_.none_since_us() == 0) ask_for_unseen(now);
}

// The publications of an instance that is lost for long count as ended; if none is left, all do.
void PublicationTracker::end_lost(Now now) {
  const std::int64_t then_us = now.monotonic_us - kIngestLostUs;
  for (const LivePublication& publication : live_.take_lost_before(then_us))
    ends_.publication_over(publication.publication_id, now);
  const std::int64_t none_since_us = live_.none_since_us();
  if (none_since_us == 0 || none_since_us >= then_us) return;
  for (const PublicationId id : sessions_.book().open()) ends_.publication_over(id, now);
}

// Ended when ingest knows nothing of it; otherwise ingest reports its end.
void PublicationTracker::ask_for_unseen(Now now) {
  for (const PublicationId id : sessions_.book().unseen(now.wall)) {
    closes_.close_once({.stream_id = sessions_.find(id)->request.stream_id, .publication_id = id},
                       [post = post_end_, now = now_, id](const Result<bool>& closed) {
                         if (!closed || *closed) return;
                         post([now, id](EndNotices& ends) { ends.publication_over(id, now()); });
                       });
  }
}

}  // namespace millrace::auth
