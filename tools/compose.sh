#!/usr/bin/env bash
# ./millrace compose COMMAND: the services in containers. up, down and reload as for plain processes, test runs the
# test of this; everything else (ps, logs, …) goes to compose. COMPOSE_PROJECT_NAME (millrace) keeps several stacks apart.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=
MILLRACE_HOME=${MILLRACE_HOME:-$ROOT/.millrace}
mkdir -p "$MILLRACE_HOME"
MILLRACE_HOME=$(cd "$MILLRACE_HOME" && pwd)
export COMPOSE_PROJECT_NAME=${COMPOSE_PROJECT_NAME:-millrace}

die() { echo "millrace compose: $1" >&2; exit "${2:-1}"; }

# shellcheck source=tools/millrace/env.sh
source "$ROOT/tools/millrace/env.sh"
choose_env_file
fix_relative_paths
# shellcheck source=tools/millrace/services.sh
source "$ROOT/tools/millrace/services.sh"
# shellcheck source=tools/millrace/settings.sh
source "$ROOT/tools/millrace/settings.sh"
# shellcheck source=tools/millrace/info.sh
source "$ROOT/tools/millrace/info.sh"
# shellcheck source=tools/container/image.sh
source "$ROOT/tools/container/image.sh"
PORT_VARIABLES=("${PUBLISHED_PORTS[@]}")
# What is known of this project: secrets, its answers, DRAIN_SECONDS of its up.
STATE=$RUN/compose-$COMPOSE_PROJECT_NAME
INFO=$STATE/info.json
API_AT=$STATE/api
export SECRETS_DIRECTORY=$STATE/secrets
(umask 077; mkdir -p "$STATE")

# Debian's docker-compose 1.29 with its own builder, or the plugin of newer engines.
find_engine() {
  ENGINE=docker
  [ ! -x /usr/bin/docker ] || ENGINE=/usr/bin/docker
  command -v "$ENGINE" >/dev/null || die "no docker here" 69
  "$ENGINE" info >/dev/null 2>&1 || die "no docker engine is running (or no right to use it)" 69
  if "$ENGINE" compose version >/dev/null 2>&1; then
    COMPOSE=("$ENGINE" compose)
  elif command -v docker-compose >/dev/null; then
    COMPOSE=(docker-compose)
    export COMPOSE_DOCKER_CLI_BUILD=0
  else
    die "docker is here, docker-compose is not" 69
  fi
}

# .env has been read already, by our own reader.
compose() { "${COMPOSE[@]}" --env-file "$STATE/none.env" -f "$ROOT/docker-compose.yml" "${FILES[@]}" "$@"; }

# RTMPS only where there is a certificate. Both files must lie below SSL_DIRECTORY and be readable for user 10001.
FILES=()
if [ -n "${SSL_CERT:-}" ]; then
  FILES=(-f "$ROOT/docker-compose.rtmps.yml")
  : "${SSL_KEY:?is not set}"
  export SSL_DIRECTORY=${SSL_DIRECTORY:-$(dirname "$SSL_CERT")}
fi

containers() { "$ENGINE" ps -aq --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" "$@"; }

# A line for each container: service, state, exit code, restarts, health.
states() {
  containers | xargs -r "$ENGINE" inspect -f '{{index .Config.Labels "com.docker.compose.service"}} {{.State.Status}} {{.State.ExitCode}} {{.RestartCount}} {{if .State.Health}}{{.State.Health.Status}}{{end}}' 2>/dev/null || true
}

own_ports() {
  containers | xargs -r "$ENGINE" inspect -f '{{range .HostConfig.PortBindings}}{{range .}}{{.HostPort}} {{end}}{{end}}' 2>/dev/null || true
}

# A port that is published listens beyond loopback, and then Prometheus' page asks for a token.
choose_metrics_token() {
  [ -z "${METRICS_TOKEN:-}${METRICS_TOKEN_FILE:-}" ] || return 0
  export METRICS_TOKEN_FILE=$MILLRACE_HOME/metrics.token
  [ -s "$METRICS_TOKEN_FILE" ] || (umask 077; random_secret > "$METRICS_TOKEN_FILE.new" && mv "$METRICS_TOKEN_FILE.new" "$METRICS_TOKEN_FILE")
}

# The names NAME_FILE of docker-compose.yml say which service has which secret; each gets a directory with its own. The
# path is below one that only we can enter, the files are for user 10001. From here on the names are the paths inside.
hand_out_secrets() {
  local service name paths=()
  for service in "${SERVICES[@]}"; do
    install -d -m 0755 "$SECRETS_DIRECTORY/$service"
    rm -f "$SECRETS_DIRECTORY/$service"/*
    for name in $(sed -n "/^  $service:/,/^  [a-z]*:\$/p" "$ROOT/docker-compose.yml" | grep -o '\b[A-Z_]*_FILE\b'); do
      secret_file "$STATE/draft" "${name%_FILE}"
      [ -z "$REPLY" ] || { install -m 0444 "$REPLY" "$SECRETS_DIRECTORY/$service/${name%_FILE}"; paths+=("$name"); }
    done
  done
  if [ -n "${FORWARD_TLS_AUTHORITIES:-}" ]; then
    install -m 0444 "$FORWARD_TLS_AUTHORITIES" "$SECRETS_DIRECTORY/ingest/authorities.pem"
    export FORWARD_TLS_AUTHORITIES=/run/secrets/authorities.pem
  fi
  rm -rf "$STATE/draft"
  for name in "${paths[@]}"; do export "$name=/run/secrets/${name%_FILE}"; done
}

# last_lines [SERVICE …]: what they wrote since this up began; docker-compose 1.29 can't tell that from older lines.
last_lines() {
  local service container services=("$@")
  [ $# -gt 0 ] || services=("${SERVICES[@]}")
  for service in "${services[@]}"; do
    for container in $(containers --filter "label=com.docker.compose.service=$service"); do
      echo "--- $service"
      "$ENGINE" logs --since "$BEGAN" --tail 10 "$container" 2>&1 || true
    done
  done
}

# Stops what this up began, if it began with nothing; says why.
give_up() {
  last_lines "${@:2}" >&2
  if $FRESH; then compose_down >/dev/null 2>&1 || true; fi
  die "$1"
}

# Ends at once for what no further start repairs (64: configuration, 69: port in use) and for what ends again and again.
wait_healthy() {
  local deadline=$((SECONDS + 120)) service state code restarts health healthy waiting
  while :; do
    healthy=0 waiting=()
    while read -r service state code restarts health; do
      if [ "$health" = healthy ]; then healthy=$((healthy + 1)); continue; fi
      waiting+=("$service")
      case $state:$code in *:64|*:69) give_up "$service could not start" "$service" ;; esac
      [ "$restarts" -lt 3 ] || give_up "$service could not start, it ends again and again" "$service"
    done < <(states)
    [ $healthy -lt ${#SERVICES[@]} ] || return 0
    [ $SECONDS -le $deadline ] || give_up "not healthy after 120 s: ${waiting[*]}" "${waiting[@]}"
    sleep 1
  done
}

# A token of the owner, in REPLY.
owner_token() {
  REPLY=$(compose exec -T auth millrace-auth --issue-token owner --token-life "$TOKEN_SECONDS" | tr -d '\r') && [ -n "$REPLY" ] \
    || die "auth issued no token: ./millrace compose logs auth"
}

write_info() {
  local token key
  owner_token
  token=$REPLY
  echo "127.0.0.1:$PORT" > "$API_AT"
  key=$(ask_for_key "$token" 10) \
    || die "the API did not answer: ./millrace compose logs api"
  describe "$key" "$token" > "$INFO.new" && mv "$INFO.new" "$INFO"
}

is_up() { [ "$(states | grep -c ' running ')" = ${#SERVICES[@]} ]; }

compose_up() {
  need_commands curl jq flock
  exec 9>"$STATE/up.lock"
  flock -n 9 || die "another ./millrace compose up is starting here (project $COMPOSE_PROJECT_NAME)"
  if [ -f "$INFO" ] && is_up; then
    echo "Millrace is already running in containers (project $COMPOSE_PROJECT_NAME)."
    token_is_fresh || { owner_token; replace_token "$REPLY"; }
    renew_key
    print_info
    return 0
  fi
  warn_of_unknown_names
  read -ra OWN_PORTS < <(own_ports | tr '\n' ' ') || true
  BEGAN=$(date +%s)
  [ -z "$(containers)" ] && FRESH=true || FRESH=false
  choose_ports
  export RTMP_BASE_URL=${RTMP_BASE_URL:-rtmp://localhost:$RTMP_PORT}
  export HLS_BASE_URL=${HLS_BASE_URL:-http://localhost:$HLS_PORT}
  export API_BASE_URL=${API_BASE_URL:-http://localhost:$PORT}
  drain_seconds > "$STATE/drain_seconds"
  derive
  choose_secrets
  choose_metrics_token
  hand_out_secrets
  build_image
  compose up -d || give_up "compose could not start all"
  wait_healthy
  write_info
  print_info
}

# What docker-compose.yml cannot count itself: the engine's patience follows DRAIN_SECONDS, that of the up also for the
# other commands; the volume and ingest's memory follow MEDIA_LOG_BYTES. What is no size is for ingest to refuse.
derive() {
  local seconds mib=512
  seconds=$(cat "$STATE/drain_seconds" 2>/dev/null || drain_seconds)
  export DRAIN_SECONDS=$seconds STOP_GRACE=$((seconds + 5))s
  if [[ ${MEDIA_LOG_BYTES:-} =~ ^([0-9]{1,12})([KMG]?)$ ]]; then
    case ${BASH_REMATCH[2]} in
      G) mib=$((10#${BASH_REMATCH[1]} << 10)) ;; M) mib=$((10#${BASH_REMATCH[1]})) ;;
      K) mib=$((10#${BASH_REMATCH[1]} >> 10)) ;; *) mib=$((10#${BASH_REMATCH[1]} >> 20)) ;;
    esac
  fi
  local ladders=0  # logs of transcoders
  [[ ${TRANSCODE:-off} == off ]] || ladders=$((128 * ${TRANSCODE_CHILDREN:-4}))
  export SHARED_SIZE=${SHARED_SIZE:-$((mib + 128 + ladders))m} INGEST_MEMORY=${INGEST_MEMORY:-$((mib + 1536))m}
}

# The volume of the media log is memory and of no use without the stack; the next up may want another size. `down SERVICE`
# leaves the others, which need all of it. give_up calls this where set -e does not hold.
compose_down() {
  local left
  compose down "$@" || return
  left=$(containers) || return
  [ -z "$left" ] || return 0
  "$ENGINE" volume rm "${COMPOSE_PROJECT_NAME}_shared" >/dev/null 2>&1 || true
  rm -rf "$INFO" "$SECRETS_DIRECTORY"
}

# Not the engine's own signal: after that it takes a container for stopped by hand and lets it lie when it crashes.
compose_reload() {
  local script report
  exec 9>"$STATE/reload.lock"
  flock 9
  script='rm -f "$MILLRACE_HOME/run/ingest.reload"; kill -HUP 1; for ((i = 0; i < $1 * 10; ++i)); do
    [ ! -f "$MILLRACE_HOME/run/ingest.reload" ] || { read -r line < "$MILLRACE_HOME/run/ingest.reload"; echo "$line"; break; }
    sleep 0.1; done'
  report=$(compose exec -T ingest bash -c "$script" - "$RELOAD_SECONDS") || die "ingest is not running: ./millrace compose ps"
  say_reloaded ingest "$report"
}

[ "${1:-help}" != test ] || { forget_settings; exec python3 "$ROOT/tests/compose/compose_test.py"; }
find_engine
: > "$STATE/none.env"
case ${1:-help} in
  up) compose_up ;;
  down) derive; compose_down "${@:2}" ;;
  reload) compose_reload ;;
  help) echo "usage: ./millrace compose up|down|reload|test, or a command of docker-compose (ps, logs, …)" >&2; exit 64 ;;
  *) derive; compose "$@" ;;
esac
