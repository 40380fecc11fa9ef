#include "store/postgres_link.hpp"

#include <soci/postgresql/soci-postgresql.h>

#include "store/errors.hpp"
#include "store/postgres_error.hpp"

namespace millrace::store {
namespace {

constexpr int kMinimumVersion = 120000;

PGconn* handle(soci::session& session) {
  return static_cast<soci::postgresql_session_backend*>(session.get_backend())->conn_;
}

void set(soci::session& session, const char* name, std::chrono::milliseconds value) {
  session << "SET " << name << " = " << value.count();
}

}  // namespace

std::string postgres_fingerprint(soci::session& session) {
  int tables = 0;
  session << "SELECT COUNT(*) FROM pg_catalog.pg_class WHERE oid = to_regclass('schema_migrations')",
      soci::into(tables);
  if (tables == 0) return {};
  int version = 0;
  std::string sum;
  long long applied = 0;
  soci::statement query =
      (session.prepare << "SELECT version, checksum, applied_wall_us FROM schema_migrations ORDER BY version",
       soci::into(version), soci::into(sum), soci::into(applied));
  std::string fingerprint;
  query.execute();
  while (query.fetch()) {
    fingerprint += std::to_string(version) + " " + sum + " " + std::to_string(applied) + "\n";
  }
  return fingerprint;
}

bool PostgresLink::lost() {
  return PQstatus(handle(session_)) != CONNECTION_OK;
}

void PostgresLink::take_over(const PostgresSettings& settings) {
  // Errors are their SQLSTATE and no text of the server's, which quotes values.
  PQsetErrorVerbosity(handle(session_), PQERRORS_SQLSTATE);
  PQsetNoticeReceiver(
      handle(session_), [](void*, const PGresult*) {}, nullptr);
  watchdog_ = std::make_unique<Watchdog>(PQsocket(handle(session_)));
  if (!watchdog_->guards()) throw soci::soci_error("no descriptor is left to watch over the connection");
  watchdog_->arm(Watchdog::Clock::now() + settings.answer_timeout);
  set(session_, "lock_timeout", settings.busy_timeout);
  set(session_, "statement_timeout", settings.answer_timeout);
  // A connection that we gave up must not keep its locks.
  set(session_, "idle_in_transaction_session_timeout", 2 * settings.answer_timeout);
  session_ << "SET tcp_keepalives_idle = 10";
  session_ << "SET tcp_keepalives_interval = 5";
  session_ << "SET tcp_keepalives_count = 3";
  // Stronger settings of the server's (remote_apply) stay.
  std::string ignored;
  soci::indicator indicator = soci::i_ok;
  session_ << "SELECT set_config('synchronous_commit', 'on', false) WHERE "
              "current_setting('synchronous_commit') = 'off'",
      soci::into(ignored, indicator);
}

Result<std::unique_ptr<PostgresLink>> PostgresLink::connect(const PostgresSettings& settings,
                                                            const std::string& fingerprint) {
  const std::string& name = settings.target.name;
  std::unique_ptr<PostgresLink> link(new PostgresLink);
  try {
    link->session_.open(soci::postgresql, settings.target.uri.reveal());
    if (PQserverVersion(handle(link->session_)) < kMinimumVersion) {
      return fail("store.unsupported", name + ": PostgreSQL 12 or newer is needed");
    }
    link->take_over(settings);
    const bool known = fingerprint.empty() || postgres_fingerprint(link->session_) == fingerprint;
    if (link->watchdog_->disarm()) return fail(store::errors::kUnavailable, name + " does not answer");
    if (known) return link;
    return fail("store.replaced",
                name +
                    ": not the database that it was (an empty one, another one, or migrated since): bring it "
                    "back, or restart auth to use what is there now");
  } catch (const soci::postgresql_soci_error& error) {
    return tl::unexpected(postgres_error(error.sqlstate(), name));
  } catch (const soci::soci_error& error) {
    return fail(store::errors::kUnavailable,
                name + " can't be reached: " +
                    connect_reason(error.get_error_message(), settings.target.password.reveal()));
  }
}

}  // namespace millrace::store
