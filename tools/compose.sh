#!/usr/bin/env bash
# ./millrace compose COMMAND: the six services in containers. up and down as for plain processes, test runs the test of
# this; everything else (ps, logs, …) goes to compose. COMPOSE_PROJECT_NAME (millrace) keeps several stacks apart.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=
MILLRACE_HOME=${MILLRACE_HOME:-$ROOT/.millrace}
SERVICES=(auth ingest packaging recording metrics api)
export COMPOSE_PROJECT_NAME=${COMPOSE_PROJECT_NAME:-millrace}

die() { echo "millrace compose: $*" >&2; exit 1; }

# shellcheck source=tools/millrace/stack.sh
source "$ROOT/tools/millrace/stack.sh"
# Only these are published.
PORT_VARIABLES=(RTMP_PORT=1935 PORT=3000 HLS_PORT=8000 METRICS_PORT=9090)
# Debian 12, with its package sources.
BASE=${MILLRACE_BASE_IMAGE:-debian:bookworm-slim}
INFO=$RUN/compose-$COMPOSE_PROJECT_NAME.json

# Debian's docker-compose 1.29 with its own builder, or the plugin of newer engines. 77: nothing to run containers with.
find_engine() {
  ENGINE=docker
  [ ! -x /usr/bin/docker ] || ENGINE=/usr/bin/docker
  command -v "$ENGINE" >/dev/null || { echo "no docker here" >&2; exit 77; }
  "$ENGINE" info >/dev/null 2>&1 || { echo "no docker engine is running (or no right to use it)" >&2; exit 77; }
  if "$ENGINE" compose version >/dev/null 2>&1; then
    COMPOSE=("$ENGINE" compose)
  elif command -v docker-compose >/dev/null; then
    COMPOSE=(docker-compose)
    export COMPOSE_DOCKER_CLI_BUILD=0
  else
    echo "docker is here, docker-compose is not" >&2
    exit 77
  fi
}

compose() { "${COMPOSE[@]}" -f "$ROOT/docker-compose.yml" "${FILES[@]}" "$@"; }

# RTMPS only where there is a certificate. Both files must lie below SSL_DIRECTORY and be readable for user 10001.
FILES=()
if [ -n "${SSL_CERT:-}" ]; then
  FILES=(-f "$ROOT/docker-compose.rtmps.yml")
  SSL_CERT=$(realpath -ms "$SSL_CERT") SSL_KEY=$(realpath -ms "${SSL_KEY:?is not set}")
  export SSL_CERT SSL_KEY SSL_DIRECTORY=${SSL_DIRECTORY:-$(dirname "$SSL_CERT")}
fi

# Programs of a build tree of this machine instead of compiling them in the image: the same last stage, around them.
# For tests; the machine must be the same Debian as the image's.
image_of_programs() {
  local context=$RUN/image
  rm -rf "$context"
  "$ROOT/tools/container/install.sh" "$MILLRACE_IMAGE_PROGRAMS" "$context"
  sed -e '/ AS build$/,/^$/d' -e 's#--from=build /out/##' "$ROOT/Dockerfile" > "$context/Dockerfile"
  "$ENGINE" build --build-arg BASE="$BASE" -t "$MILLRACE_IMAGE" "$context"
}

# The image is built unless MILLRACE_IMAGE names one that is there.
build_image() {
  if [ -n "${MILLRACE_IMAGE:-}" ] && "$ENGINE" image inspect "$MILLRACE_IMAGE" >/dev/null 2>&1; then return; fi
  export MILLRACE_IMAGE=${MILLRACE_IMAGE:-millrace}
  if ! "$ENGINE" image inspect "$BASE" >/dev/null 2>&1 && ! "$ENGINE" pull "$BASE" >"$RUN/image.log" 2>&1; then
    tail -3 "$RUN/image.log" >&2
    echo "the base image $BASE is not here and cannot be pulled" >&2
    exit 77
  fi
  echo "Building the image $MILLRACE_IMAGE …"
  if [ -n "${MILLRACE_IMAGE_PROGRAMS:-}" ]; then
    image_of_programs
  else
    "$ENGINE" build --build-arg BASE="$BASE" --build-arg JOBS="${JOBS:-}" -t "$MILLRACE_IMAGE" "$ROOT"
  fi >"$RUN/image.log" 2>&1 || { tail -40 "$RUN/image.log" >&2; die "the image could not be built (all of it: $RUN/image.log)"; }
}

health_of_container() {
  "$ENGINE" inspect -f '{{.State.Health.Status}}' "$(compose ps -q "$1")" 2>/dev/null || echo absent
}

wait_healthy() {
  local name deadline=$((SECONDS + 120)) waiting
  while :; do
    waiting=()
    for name in "${SERVICES[@]}"; do
      [ "$(health_of_container "$name")" = healthy ] || waiting+=("$name")
    done
    [ ${#waiting[@]} -gt 0 ] || return 0
    if [ $SECONDS -gt $deadline ]; then
      compose logs --tail=10 "${waiting[@]}" >&2 || true
      die "not healthy after 120 s: ${waiting[*]}"
    fi
    sleep 0.5
  done
}

write_compose_info() {
  local token key
  token=$(compose exec -T auth millrace-auth --issue-token owner | tr -d '\r')
  key=$(curl -sf -m 10 -H @- "http://127.0.0.1:$PORT/api/stream/key" <<< "Authorization: Bearer $token") \
    || die "the API did not answer: ./millrace compose logs api"
  (umask 077; jq -n --argjson key "$key" --arg token "$token" --arg api "$API_BASE_URL" \
    '{publish_url: $key.streamUrl, stream_id: $key.streamId, hls_url: $key.hlsUrl,
      watch_url: ($api + "/watch/" + $key.streamId), api_url: $api, token: $token}' > "$INFO")
}

is_up_in_containers() {
  [ "$("$ENGINE" inspect -f '{{.State.Running}}' "$(compose ps -q auth)" 2>/dev/null)" = true ]
}

compose_up() {
  if [ -f "$INFO" ] && is_up_in_containers; then
    echo "Millrace is already running in containers (project $COMPOSE_PROJECT_NAME)."
    print_info
    return 0
  fi
  choose_ports
  export RTMP_BASE_URL=${RTMP_BASE_URL:-rtmp://localhost:$RTMP_PORT}
  export HLS_BASE_URL=${HLS_BASE_URL:-http://localhost:$HLS_PORT}
  export API_BASE_URL=${API_BASE_URL:-http://localhost:$PORT}
  build_image
  compose up -d
  wait_healthy
  write_compose_info
  print_info
}

mkdir -p "$RUN"
find_engine
choose_secrets
case ${1:-help} in
  up) compose_up ;;
  down)
    compose down "${@:2}"
    rm -f "$INFO"
    ;;
  test) exec python3 "$ROOT/tests/compose/compose_test.py" ;;
  help) echo "usage: ./millrace compose up|down|test, or a command of docker-compose (ps, logs, …)" >&2; exit 64 ;;
  *) compose "$@" ;;
esac
