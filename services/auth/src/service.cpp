#include "service.hpp"

#include <prometheus/registry.h>

#include <charconv>
#include <iostream>

#include "actors.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "gathered_answers.hpp"
#include "hooks/callback_protocol.hpp"
#include "hooks/http_hook.hpp"
#include "hooks/nginx_protocol.hpp"
#include "hooks/srs_protocol.hpp"
#include "http/client.hpp"
#include "identities/jwks.hpp"
#include "identities/key_fetcher.hpp"
#include "mail/mailer.hpp"
#include "operator_command.hpp"
#include "redis/redis_command.hpp"
#include "redis/redis_listener.hpp"
#include "streams/stream_repository.hpp"

namespace millrace::auth {
namespace {

// Short, so that one lock does not keep the requests behind it waiting beyond their deadlines.
constexpr std::chrono::milliseconds kBusyTimeout{400};
// Of a server: below DECISION_TIMEOUT_MS, with room for those who wait behind it.
constexpr std::chrono::milliseconds kAnswerTimeout{1500};
// Ingest answers a command at once, or is not there.
constexpr std::chrono::milliseconds kCloseTimeout{2000};

// What another start can't mend counts as configuration: the supervisor then leaves the service down.
Error for_start(Error error) {
  const bool secret = error.code.starts_with("auth.");
  error.code = secret ? ErrorCode("config.secret") : ErrorCode("config.database");
  return error;
}

}  // namespace

AuthService::AuthService() = default;
AuthService::~AuthService() = default;

Result<void> AuthService::start(runtime::ServiceContext& context) {
  if (Result<void> checked = config_.check(); !checked) return checked;
  Result<KeyVault> vault = KeyVault::create(config_.server_secret);
  if (!vault) return tl::unexpected(for_start(vault.error()));
  Result<TokenVerifier> tokens = TokenVerifier::create(config_.token_secret);
  if (!tokens) return tl::unexpected(for_start(tokens.error()));
  Result<IdentitySettings> identities = config_.identities.settings();
  if (!identities) return tl::unexpected(identities.error());
  Result<playback::TokenKeys> playback_keys =
      playback::TokenKeys::create(config_.playback_secret, config_.playback_secret_previous);
  if (!playback_keys) return fail("config.secret", playback_keys.error().message);
  const store::DatabaseOptions database{
      .url = config_.database(context.home), .busy_timeout = kBusyTimeout, .answer_timeout = kAnswerTimeout};
  // Tried here first, so that a problem is an answer to whoever starts auth and not a loop of restarts. A
  // database that is away is waited for, with /readyz saying so.
  const Result<StreamRepository> opened = StreamRepository::open(database, *vault);
  if (!opened && !may_pass(opened.error())) return tl::unexpected(for_start(opened.error()));
  const auto shared = std::make_shared<AuthShared>(database, *vault, std::move(*tokens), context.health);
  shared->playback.keys = std::move(*playback_keys);
  shared->playback.lifetime = config_.playback_grant;
  const auto gate = std::make_shared<JobGate>(shared);
  set_up_access_control(shared, gate);
  set_up_watching(shared);
  shared->identities = *std::move(identities);
  set_up_identities(shared, gate);
  if (Result<void> set_up = set_up_accounts(shared, gate); !set_up) return set_up;
  context.health->set("database", runtime::HealthState::kStarting, "opening");

  // As late as may be: until its handlers are set, whoever asks is refused at once instead of waiting for us.
  if (Result<void> started = start_bus(context); !started) return started;
  // The access control publishes as soon as its database is open.
  runtime::add_child(context.root, gate->token_child());
  runtime::add_child(context.root, gate->database_child());
  shell_.node().subscribe("ingest", gate->ingest_events());
  shell_.node().serve([gate](const bus::v1::Request& request, const bus::Responder& responder) {
    gate->accept(request, responder);
  });

  if (config_.redis_use) start_redis(shared, gate);

  return shell_.open_ops(context, config_.ops, {shared->metrics.registry()});
}

// Before all that publishes over it. Requests and events come when their handlers are set.
Result<void> AuthService::start_bus(const runtime::ServiceContext& context) {
  if (Result<void> joined = shell_.join_bus(context, config_.bus); !joined) return joined;
  publish_facts(false);  // first, so that there is always room for it among the retained facts
  return {};
}

std::vector<HookPtr> AuthService::make_hooks(AuthMetrics& metrics) {
  std::vector<HookPtr> hooks;
  const auto add = [&](HookKind kind, std::unique_ptr<const HookProtocol> protocol) {
    if (!client_) client_ = std::make_unique<http::Client>();
    const bool id = kind != HookKind::kCallback && config_.hook_stream == "id";
    hooks.push_back(std::make_shared<HttpHook>(kind, std::move(protocol), *client_, metrics,
                                               id ? HookNames::kId : HookNames::kGiven));
  };
  if (!config_.callback_url.empty() && config_.publish_auth != "store") {
    add(HookKind::kCallback,
        std::make_unique<CallbackProtocol>(CallbackSettings{.url = config_.callback_url,
                                                            .secret = config_.callback_secret,
                                                            .subject = config_.callback_subject,
                                                            .rtmp_host = config_.rtmp_host,
                                                            .rtmp_port = config_.rtmp_port}));
  }
  if (!config_.srs_hook_url.empty()) {
    add(HookKind::kSrs,
        std::make_unique<SrsProtocol>(config_.srs_hook_url,
                                      config_.rtmp_host.empty() ? "millrace" : config_.rtmp_host));
  }
  const NginxSettings nginx{.on_publish = config_.nginx_on_publish,
                            .on_publish_done = config_.nginx_on_publish_done,
                            .on_play = config_.nginx_on_play,
                            .on_play_done = config_.nginx_on_play_done};
  if (!(nginx.on_publish + nginx.on_publish_done + nginx.on_play + nginx.on_play_done).empty()) {
    add(HookKind::kNginx, std::make_unique<NginxProtocol>(nginx));
  }
  return hooks;
}

void AuthService::set_up_access_control(const std::shared_ptr<AuthShared>& shared,
                                        const std::shared_ptr<JobGate>& gate) {
  AccessDependencies& access_control = shared->access_control;
  const bool callback = !config_.callback_url.empty() && config_.publish_auth != "store";
  access_control.policy.decides = config_.publish_auth == "hooks" ? Decides::kHooks
                                  : callback                      ? Decides::kCallback
                                                                  : Decides::kStore;
  access_control.policy.private_by_default = config_.private_streams;
  access_control.policy.hook_timeout = config_.hook_timeout;
  access_control.policy.hooks = make_hooks(shared->metrics);
  access_control.now = [] { return Now{.monotonic_us = monotonic_us(), .wall = wall_now()}; };
  access_control.live = &shared->live;
  access_control.metrics = &shared->metrics;
  access_control.post = [weak = std::weak_ptr(gate)](std::function<void(AccessControl&)> task) {
    if (const auto there = weak.lock()) there->post(std::move(task));
  };
  access_control.limit = [this, &live = shared->live](const LimitOrder& order,
                                                      const std::function<void(Result<bool>)>& done) {
    send_limits(live, order, done);
  };
  access_control.close = [this, &live = shared->live](const CloseOrder& order,
                                                      const std::function<void(Result<bool>)>& done) {
    bus::v1::Request request;
    bus::v1::CloseStream& close = *request.mutable_close_stream();
    close.set_stream_id(order.stream_id);
    close.set_publication_id(number_of(order.publication_id));
    close.set_up_to_epoch(number_of(order.up_to_epoch));
    // As if its encoder had ended it: viewers wait for whoever publishes next, the recording does not.
    close.set_reason(order.for_good ? stream::v1::END_REASON_REVOKED : stream::v1::END_REASON_UNPUBLISHED);
    send_to_owner(live, order.stream_id, order.instance, request, done);
  };
}

// To the ingest that has the stream. Where that is not known, as its publisher may just wait to be let in,
// to every one that is there.
void AuthService::send_to_owner(const LiveView& live, const std::string& stream_id,
                                const std::string& instance, const bus::v1::Request& request,
                                const std::function<void(Result<bool>)>& done) {
  const std::optional<LivePublication> known = live.find(stream_id);
  std::vector<std::string> owners;
  if (!instance.empty()) {
    owners = {instance};
  } else if (known) {
    owners = {known->instance};
  } else {
    owners = shell_.node().instances("ingest");
  }
  if (owners.empty()) owners = {""};  // whoever turns up in time
  const auto gathered = std::make_shared<GatheredAnswers>(owners.size(), done);
  for (const std::string& owner : owners) {
    shell_.node().request(bus::PeerName{"ingest", owner}, request, kCloseTimeout,
                          [gathered](const Result<bus::v1::Reply>& reply) { gathered->add(reply); });
  }
}

void AuthService::send_limits(const LiveView& live, const LimitOrder& order,
                              const std::function<void(Result<bool>)>& done) {
  bus::v1::Request request;
  stream::v1::ChangeLimits& limits = *request.mutable_change_limits();
  limits.set_stream_id(order.stream_id);
  limits.set_max_bitrate_kbps(order.max_bitrate_kbps);
  limits.set_resolution(order.resolution);
  send_to_owner(live, order.stream_id, {}, request, done);
}

void AuthService::set_up_identities(const std::shared_ptr<AuthShared>& shared,
                                    const std::shared_ptr<JobGate>& gate) {
  if (shared->identities.issuers.empty()) return;
  for (const IdentityIssuer& issuer : shared->identities.issuers) {
    const std::string& from = issuer.jwks_url.empty() ? issuer.issuer : issuer.jwks_url;
    if (from.starts_with("https:") || from.starts_with("http://127.0.0.1") ||
        from.starts_with("http://localhost")) {
      continue;
    }
    log::warning("keys of an issuer come over plain http: whoever is on the way can replace them",
                 {{"issuer", issuer.label()}});
  }
  key_fetcher_ = std::make_unique<KeyFetcher>();
  // shared is what the fetch function is part of: held weakly.
  shared->fetch_keys = [fetcher = key_fetcher_.get(), settings = &shared->identities,
                        weak = std::weak_ptr(gate)](std::size_t issuer) {
    fetcher->fetch(settings->issuers.at(issuer), [weak, issuer](Result<FetchedKeys> outcome) {
      if (const auto there = weak.lock()) there->keys_fetched(issuer, std::move(outcome));
    });
  };
}

void AuthService::start_redis(const std::shared_ptr<AuthShared>& shared,
                              const std::shared_ptr<JobGate>& gate) {
  const auto on_message = [shared, gate, rate = std::make_shared<RedisRate>()](std::string_view message) {
    if (!rate->admit(monotonic_us())) return shared->metrics.redis_command("dropped");
    const Result<RedisCommand> command = parse_redis_command(message);
    if (!command) return shared->metrics.redis_command("ignored");
    shared->metrics.redis_command("done");
    log::info("command over Redis", {{"channel", command->channel}});
    gate->post([command = *command](AccessControl& access_control) {
      access_control.publications().close_channel(command.channel, command.session_id,
                                                  {.monotonic_us = monotonic_us(), .wall = wall_now()});
    });
  };
  const auto on_state = [health = shared->health, first = std::make_shared<bool>(true),
                         was = std::make_shared<bool>(false)](bool subscribed, const std::string& reason) {
    health->set("redis", subscribed ? runtime::HealthState::kReady : runtime::HealthState::kDegraded,
                subscribed ? "" : "no commands: " + reason);
    if (subscribed != *was || *first) {
      subscribed ? log::info("taking commands over Redis")
                 : log::warning("no commands over Redis", {{"reason", reason}});
    }
    *was = subscribed;
    *first = false;
  };
  redis_ = std::make_unique<RedisListener>(RedisSettings{.host = config_.redis_host,
                                                         .port = config_.redis_port,
                                                         .password = config_.redis_password,
                                                         .channel = config_.redis_channel},
                                           on_message, on_state);
}

// The pool and the mailer stay, as the actors may still call them; but nothing comes back from the pool any
// more.
void AuthService::drain(runtime::Deadline) {
  redis_.reset();
  shell_.leave_bus();
  if (client_) client_->stop();
  if (key_fetcher_) key_fetcher_->stop();
  if (pool_) pool_->stop();
  shell_.close();
}

std::optional<int> AuthService::command(std::span<char*> arguments) {
  if (arguments.empty()) return std::nullopt;
  if (std::string_view(arguments[0]) != "--issue-token") {
    bus::EndpointsConfig bus = config_.bus;
    bus.home = process_environment()("MILLRACE_HOME").value_or(".millrace");
    return operator_command(arguments, bus);
  }
  return issue_token(arguments);
}

int AuthService::issue_token(std::span<char*> arguments) const {
  const bool with_life = arguments.size() == 4 && std::string_view(arguments[2]) == "--token-life";
  std::int64_t life = kTokenLifeSeconds;
  bool understood = arguments.size() == 2 || with_life;
  if (with_life) {
    const std::string_view text = arguments[3];
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), life);
    understood = error == std::errc{} && end == text.data() + text.size();
  }
  if (!understood) {
    std::cerr << "usage: millrace-auth --issue-token SUBJECT [--token-life SECONDS]\n";
    return runtime::kExitUsage;
  }
  const Result<TokenVerifier> tokens = TokenVerifier::create(config_.token_secret);
  const Result<Secret> token =
      tokens ? tokens->issue(arguments[1], wall_now(), life) : tl::unexpected(tokens.error());
  if (!token) {
    std::cerr << "millrace-auth: " << token.error().message << '\n';
    return runtime::kExitUsage;
  }
  std::cout << token->reveal() << '\n';
  return 0;
}

}  // namespace millrace::auth
