// Where publishers and players are decided about when others have a say or have to hear of them: own store,
// callback, hooks; sessions and their ends; keys that are revoked. Everything that has to happen in one order
// happens here.
//
//   publish: own store or limiter ─> hooks, one after the other ─> is it still the newest?
//            ─> session stored ─> epoch ─> answer
//   end:     ingest's event ─> session ended, stored ─> notices until acknowledged
//
// While hooks are asked nothing waits: their answers come back with post(). Owner: the database actor; its
// thread only. Calls block for database transactions.
#pragma once

#include <list>
#include <unordered_map>
#include <unordered_set>

#include "channel_repository.hpp"
#include "decisions.hpp"
#include "inquiry.hpp"
#include "live_view.hpp"
#include "metrics.hpp"
#include "notice_queue.hpp"
#include "playback/revocations.hpp"
#include "request_handler.hpp"
#include "session_book.hpp"
#include "session_repository.hpp"

namespace millrace::auth {

class Desk;

// Who says yes or no first. Hooks that are configured are asked after the store or the callback agreed.
enum class Decides : std::uint8_t { kStore, kCallback, kHooks };

// Which publications ingest is to end; as in bus.v1.CloseStream.
struct CloseOrder {
  std::string stream_id;
  std::uint64_t publication_id = 0;
  std::uint64_t up_to_epoch = 0;
};

// A stream's own limits, for ingest to hold its live publication to; as in stream.v1.ChangeLimits.
struct LimitOrder {
  std::string stream_id;
  std::uint32_t max_bitrate_kbps = 0;
  std::string resolution;
};

// What the desk reaches others by; constant. Functions: any thread.
struct DeskOutside {
  Decides decides = Decides::kStore;
  bool private_by_default = false;
  std::chrono::milliseconds hook_timeout{4000};
  std::vector<HookPtr> hooks{};  // in the order they are asked
  // Runs on the desk's thread, with the desk that is there then: after a crash another one.
  std::function<void(std::function<void(Desk&)>)> post{};
  // Ends publications; false: none was live. An error when ingest did not say.
  std::function<void(const CloseOrder&, std::function<void(Result<bool>)>)> close{};
  // Tells ingest; false: none was live. An error when ingest did not say.
  std::function<void(const LimitOrder&, std::function<void(Result<bool>)>)> limit{};
  // Whoever shows what is in the media log hears of it.
  std::function<void(const std::string& stream_id, bool is_private)> visibility{};
  // The same: whether nobody may watch the stream.
  std::function<void(const std::string& stream_id, bool is_barred)> bar{};
  std::function<Now()> now{};  // for answers that come back
  const LiveView* live = nullptr;
  AuthMetrics* metrics = nullptr;
};

class Desk {
 public:
  static constexpr std::int64_t kTickUs = 250'000;
  static constexpr std::int64_t kGiveUpStopUs = 24LL * 3600 * 1'000'000;
  static constexpr std::int64_t kGiveUpPlayStopUs = 60'000'000;
  static constexpr std::int64_t kIngestLostUs = 60'000'000;  // then its publications count as ended
  static constexpr std::int64_t kCloseRetryUs = 60'000'000;
  // Of an order from outside: later it would hit another session.
  static constexpr std::int64_t kOrderRetryUs = 5'000'000;
  // Whose end a hook wants to hear; the oldest is forgotten.
  static constexpr std::size_t kMaxPlays = 100'000;
  static constexpr std::size_t kMaxFences = 10'000;  // revoked streams remembered; the oldest is forgotten
  static constexpr std::size_t kMaxLimits = 10'000;  // changed limits remembered; the oldest is forgotten
  // Private streams named at a start; of more the rest is logged, not named.
  static constexpr std::size_t kMaxPrivate = playback::Revocations::kMaxEntries;
  // Likewise of those that nobody may watch, the last changed first: more than the media log has streams, and
  // than accounts are deleted in the day that tokens live.
  static constexpr std::size_t kMaxBarred = playback::Revocations::kMaxEntries;
  static constexpr std::int64_t kMaxHoldUs = 3600LL * 1'000'000;

  // All outlive the desk.
  Desk(Decisions& decisions, ChannelRepository& channels, SessionRepository& sessions,
       const DeskOutside& outside)
      : decisions_(decisions), channels_(channels), stored_(sessions), outside_(outside) {}

  // Sessions of before the start, what is live, and what is private or barred, which is published again:
  // whoever shows the media log may have started after it was published last. Errors: those of the store.
  [[nodiscard]] Result<void> open(Now now);

  // True when it took the inquiry: it answers now or later. The other kinds are RequestHandler's.
  bool handle(const InquiryPtr& inquiry, Now now);

  // What ingest tells.
  void published(const LivePublication& publication, Now now);
  void publication_over(std::uint64_t publication_id, Now now);
  void play_over(std::uint64_t play_id, Now now);
  void snapshot(const std::vector<LivePublication>& live, Now now);
  void ingest_lost(Now now) { ingest_lost_us_ = ingest_lost_us_ != 0 ? ingest_lost_us_ : now.monotonic_us; }
  void tick(Now now);

  // What is published of a stream by the old rule is cut, now and whenever it turns up: publications up to
  // this epoch.
  void revoke(const std::string& stream_id, std::uint64_t epoch, Now now);

  // Of Redis: end what is published on a channel; session_id empty or "*": whichever session.
  void close_channel(const std::string& channel, const std::string& session_id, Now now);

 private:
  struct Chain;  // a question on its way through the hooks
  struct Play {
    Visit visit;
    std::uint32_t owed;
    std::list<std::uint64_t>::iterator order;
  };
  struct Retry {
    CloseOrder order;
    std::int64_t until_us;
  };
  struct LimitRetry {
    std::string stream_id;
    std::int64_t until_us;
  };
  using ChainPtr = std::shared_ptr<Chain>;

  void publish(const InquiryPtr& inquiry, Now now);
  void play(const InquiryPtr& inquiry, Now now);
  void ask_next(const ChainPtr& chain);
  void finish_publish(const ChainPtr& chain, Now now);
  void admit(const ChainPtr& chain, Now now);
  void finish_play(const ChainPtr& chain, Now now);
  Result<std::optional<std::string>> stream_to_publish(const auth::v1::AuthorizePublish& ask, Now now);
  Result<std::optional<PlayAdmission>> stream_to_play(const auth::v1::AuthorizePlay& ask, Now now);
  std::optional<PlayAdmission> channel_to_play(const auth::v1::AuthorizePlay& ask, bool with_token);
  std::optional<PlayAdmission> name_to_play(const auth::v1::AuthorizePlay& ask, bool with_token,
                                            bool is_private);
  Result<std::optional<Admission>> new_epoch(const Visit& visit);
  bool remember(const ChainPtr& chain, bool ended, Now now);
  void remember_play(const ChainPtr& chain);

  void regenerate_key(const InquiryPtr& inquiry, Now now);
  void set_flag(const InquiryPtr& inquiry, Now now);
  Result<void> tell_private();
  Result<void> tell_barred();
  void update_settings(const InquiryPtr& inquiry, Now now);
  void hold(const InquiryPtr& inquiry, Now now);
  void limit(const LimitOrder& order, std::int64_t until_us);
  void tell_limits();
  void close(const CloseOrder& order, std::int64_t until_us);

  void owe(const Session& session, Now now);
  void tell_notices(Now now);
  void noticed(NoticeQueue::Key key, bool acknowledged, Now now);
  void settle(NoticeQueue::Key key);
  Hook* hook(HookKind kind) const;
  std::chrono::milliseconds time_for_hooks(const Inquiry& inquiry, Now now) const;

  Decisions& decisions_;
  ChannelRepository& channels_;
  SessionRepository& stored_;
  const DeskOutside& outside_;
  SessionBook book_;
  NoticeQueue notices_;
  std::unordered_map<std::uint64_t, Play> plays_;
  std::list<std::uint64_t> plays_in_order_;
  std::unordered_map<std::string, std::uint64_t> fences_;  // stream: revoked up to this epoch
  std::list<std::string> fences_in_order_;
  std::vector<Retry> retries_;
  // Limits that changed since the start: told again whenever a publication turns up that may have been
  // admitted under older ones.
  std::unordered_map<std::string, LimitOrder> limits_;
  std::list<std::string> limits_in_order_;
  std::vector<LimitRetry> limit_retries_;
  std::uint64_t arrivals_ = 0;
  std::int64_t ingest_lost_us_ = 0;  // 0: it is there
  std::int64_t next_check_us_ = 0;
};

}  // namespace millrace::auth
