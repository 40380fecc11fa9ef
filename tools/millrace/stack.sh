# Running the six services under s6; sourced by ./millrace. Expects ROOT, BUILD, MILLRACE_HOME and SERVICES.
#
#   $MILLRACE_HOME/secrets.env   0600, made at the first start
#   $MILLRACE_HOME/run/s6/       one service directory each, with a logger; run/s6/.s6-svscan
#   $MILLRACE_HOME/run/*.ports   what the services really bound
#   $MILLRACE_HOME/logs/SERVICE/current

RUN=$MILLRACE_HOME/run
SCAN=$RUN/s6
INFO=$RUN/info.json

# Programs come from the build tree; an installation sets MILLRACE_BIN.
bin() { echo "${MILLRACE_BIN:-$BUILD/bin}/millrace-$1"; }

scanner_pid() { cat "$RUN/svscan.pid" 2>/dev/null || true; }
is_up() {
  local pid
  pid=$(scanner_pid)
  [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = s6-svscan ] && [ -p "$SCAN/.s6-svscan/control" ]
}

# Each port variable with its default; "0" asks for a free one.
PORT_VARIABLES=(RTMP_PORT=1935 PORT=3000 HLS_PORT=8000 METRICS_PORT=9090 RTMP_GRPC_PORT=50053
  INGEST_OPS_PORT=9101 AUTH_OPS_PORT=9102 PACKAGING_OPS_PORT=9103 RECORDING_OPS_PORT=9104 API_OPS_PORT=9105)

free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    [[ " ${TAKEN[*]-} " == *" $port "* ]] && continue
    ss -Htln "sport = :$port" | grep -q . || { echo "$port"; return; }
  done
}

choose_ports() {
  local entry name
  TAKEN=()
  [ -z "${SSL_CERT:-}" ] || PORT_VARIABLES+=(SSL_PORT=443)
  for entry in "${PORT_VARIABLES[@]}"; do
    name=${entry%%=*}
    export "$name=${!name:-${entry#*=}}"
    [ "${!name}" != 0 ] || export "$name=$(free_port)"
    [[ ${!name} =~ ^[0-9]{1,5}$ ]] && [ "${!name}" -le 65535 ] || die "$name must be a port number, not '${!name}'"
    if [[ " ${TAKEN[*]-} " == *" ${!name} "* ]]; then die "$name: port ${!name} is given to two services"; fi
    if ss -Htln "sport = :${!name}" | grep -q .; then
      die "port ${!name} is in use; set $name to another one"
    fi
    TAKEN+=("${!name}")
  done
}

choose_paths() {
  local hash name
  hash=$(printf %s "$MILLRACE_HOME" | sha256sum | cut -c1-12)
  export MEDIA_LOG_DIR=${MEDIA_LOG_DIR:-/dev/shm/millrace-$(id -u)-$hash}
  export BUS_DIR=${BUS_DIR:-$RUN/bus}
  # A UNIX socket's path holds 107 bytes; a deep home gets a short directory instead.
  if [ ${#BUS_DIR} -gt 80 ]; then export BUS_DIR=/tmp/millrace-$(id -u)-$hash; fi
  export MEDIA_ROOT=${MEDIA_ROOT:-$MILLRACE_HOME/media} VOD_DIRECTORY_NAME=${VOD_DIRECTORY_NAME:-vod}
  export DATABASE_URL=${DATABASE_URL:-$MILLRACE_HOME/data/streaming.db}
  export RTMP_BASE_URL=${RTMP_BASE_URL:-rtmp://localhost:$RTMP_PORT}
  export HLS_BASE_URL=${HLS_BASE_URL:-http://localhost:$HLS_PORT}
  export API_BASE_URL=${API_BASE_URL:-http://localhost:$PORT}
  export WEB_ROOT=${WEB_ROOT:-$BUILD/web}
  # Services run elsewhere. Symbolic links stay: what they point to may change.
  for name in SSL_CERT SSL_KEY; do
    [ -z "${!name:-}" ] || export "$name=$(realpath -ms "${!name}")"
  done
  mkdir -p "$BUS_DIR" "$RUN"
  chmod 700 "$BUS_DIR"
  # For down, whatever environment it is called with.
  printf '%s\n' "$MEDIA_LOG_DIR" > "$RUN/media_log_directory"
}

random_secret() { od -An -tx1 -N32 /dev/urandom | tr -d ' \n'; }

# Random secrets, once. A value from the environment or .env wins.
choose_secrets() {
  local file=$MILLRACE_HOME/secrets.env
  if [ ! -f "$file" ]; then
    (umask 077
     printf 'MILLRACE_SECRET=%s\nAPI_TOKEN_SECRET=%s\nPLAYBACK_SECRET=%s\n' "$(random_secret)" "$(random_secret)" \
       "$(random_secret)" > "$file.new" && mv "$file.new" "$file")
  elif ! grep -q '^PLAYBACK_SECRET=' "$file"; then  # made before there was one
    (umask 077; { cat "$file"; echo "PLAYBACK_SECRET=$(random_secret)"; } > "$file.new" && mv "$file.new" "$file")
  fi
  local line key
  while IFS= read -r line; do
    key=${line%%=*}
    [ -n "${!key+set}" ] || export "$key=${line#*=}"
  done < "$file"
}

# A path as one word of /bin/sh.
quoted() { printf "'%s'" "${1//\'/\'\\\'\'}"; }

write_service() {
  local name=$1 directory=$SCAN/$1
  mkdir -p "$directory/log" "$MILLRACE_HOME/logs/$name"
  printf '#!/bin/sh\nexec 2>&1\nexec %s\n' "$(quoted "$(bin "$name")")" > "$directory/run"
  # 64: bad configuration, 69: port in use. Starting again can't help; 125 tells s6-supervise to leave it down.
  printf '#!/bin/sh\ncase $1 in 64|69) echo "$1" > %s; exit 125 ;; esac\n' "$(quoted "$RUN/failed.$name")" > "$directory/finish"
  printf '#!/bin/sh\nexec s6-log -b n5 s2000000 %s\n' "$(quoted "$MILLRACE_HOME/logs/$name")" > "$directory/log/run"
  chmod +x "$directory/run" "$directory/finish" "$directory/log/run"
  echo $(((${DRAIN_SECONDS:-10} + 3) * 1000)) > "$directory/timeout-kill"
}

ops_port() {
  case $1 in
    ingest) echo "$INGEST_OPS_PORT" ;; auth) echo "$AUTH_OPS_PORT" ;; packaging) echo "$PACKAGING_OPS_PORT" ;;
    recording) echo "$RECORDING_OPS_PORT" ;; api) echo "$API_OPS_PORT" ;; metrics) echo "$METRICS_PORT" ;;
  esac
}

# ready, degraded, starting, stopping as the service itself says; down when it does not answer.
health_of() {
  local answer
  answer=$(curl -s -m 2 "http://127.0.0.1:$1/readyz" || true)
  jq -r '.state // "down"' <<< "${answer:-{\}}" 2>/dev/null || echo down
}

# Waits until every service is ready; a service that can't start says why and stops the rest. One that serves without
# something it needs (an issuer of tokens, Redis) is waited for a while, then left to it.
wait_ready() {
  local name health deadline=$((SECONDS + 60)) patience=$((SECONDS + 20)) waiting degraded
  while :; do
    waiting=() degraded=()
    for name in "${SERVICES[@]}"; do
      if [ -f "$RUN/failed.$name" ]; then
        tail -n 3 "$MILLRACE_HOME/logs/$name/current" >&2 || true
        stack_down >/dev/null
        die "$name could not start"
      fi
      health=$(health_of "$(ops_port "$name")")
      [ "$health" = ready ] || waiting+=("$name")
      [ "$health" != degraded ] || degraded+=("$name")
    done
    [ ${#waiting[@]} -gt 0 ] || return 0
    if [ $SECONDS -gt $patience ] && [ "${waiting[*]}" = "${degraded[*]}" ]; then
      echo "millrace: serving, but degraded: ${degraded[*]} (see ./millrace status and logs)" >&2
      return 0
    fi
    if [ $SECONDS -gt $deadline ]; then
      for name in "${waiting[@]}"; do tail -n 3 "$MILLRACE_HOME/logs/$name/current" >&2 || true; done
      stack_down >/dev/null
      die "not ready after 60 s: ${waiting[*]}"
    fi
    sleep 0.1
  done
}

# The owner's token and stream, asked of the running API as any client would.
write_info() {
  local token answer
  [ -s "$MILLRACE_HOME/token" ] || (umask 077; "$(bin auth)" --issue-token owner > "$MILLRACE_HOME/token")
  token=$(cat "$MILLRACE_HOME/token")
  answer=$(curl -sf -m 10 -H @- "http://127.0.0.1:$PORT/api/stream/key" <<< "Authorization: Bearer $token") \
    || die "the API did not answer: see ./millrace logs api"
  (umask 077; jq -n --argjson key "$answer" --arg token "$token" --arg api "$API_BASE_URL" \
    --arg rtmps "${SSL_CERT:+rtmps://localhost:${SSL_PORT:-}}" --arg log "$MEDIA_LOG_DIR" --arg bus "$BUS_DIR" --arg media "$MEDIA_ROOT/$VOD_DIRECTORY_NAME" \
    '{publish_url: $key.streamUrl, stream_id: $key.streamId, hls_url: $key.hlsUrl,
      watch_url: ($api + "/watch/" + $key.streamId), api_url: $api, token: $token,
      vod_directory: $media, media_log_directory: $log, bus_directory: $bus}
      + if $rtmps == "" then {} else {rtmps_url: ($key.streamUrl | sub("^rtmp://[^/]*"; $rtmps))} end' > "$INFO.new" && mv "$INFO.new" "$INFO")
  printf '%s\n' "INGEST=$INGEST_OPS_PORT AUTH=$AUTH_OPS_PORT PACKAGING=$PACKAGING_OPS_PORT RECORDING=$RECORDING_OPS_PORT" \
    "API=$API_OPS_PORT METRICS=$METRICS_PORT" | tr ' ' '\n' > "$RUN/ops"
}

print_info() {
  jq -r '"
Publish   " + .publish_url + (if .rtmps_url then "
          " + .rtmps_url else "" end) + "
          OBS: server " + (.publish_url | sub("/[^/]*$"; "")) + ", stream key " + (.publish_url | sub(".*/"; "")) + "
          ffmpeg -re -i any.mp4 -c:v libx264 -g 60 -c:a aac -f flv " + .publish_url + "
Watch     " + .watch_url + "
HLS       " + .hls_url + "
API       " + .api_url + "/api/stream/list   (Authorization: Bearer " + .token + ")
"' "$INFO"
}

stack_up() {
  local detach=false name
  for name in "$@"; do
    case $name in --detach|-d) detach=true ;; *) die "up: unknown option $name" ;; esac
  done
  if is_up; then
    echo "Millrace is already running (MILLRACE_HOME=$MILLRACE_HOME)."
    [ ! -f "$INFO" ] || print_info
    return 0
  fi
  if [ -z "${MILLRACE_BIN:-}" ]; then
    need_packages build run
    build_programs
  fi
  mkdir -p "$RUN"
  exec 9>"$RUN/up.lock"
  flock -n 9 || die "another ./millrace up is starting here (MILLRACE_HOME=$MILLRACE_HOME)"
  choose_ports
  choose_paths
  choose_secrets
  rm -rf "$SCAN" "$RUN"/failed.* "$INFO" "$RUN"/*.ports
  mkdir -p "$SCAN"
  for name in "${SERVICES[@]}"; do write_service "$name"; done
  # Its own session: Ctrl-C reaches this command, which then drains in order.
  setsid s6-svscan "$SCAN" 9>&- >"$RUN/svscan.log" 2>&1 </dev/null &
  echo $! > "$RUN/svscan.pid"
  trap 'echo; echo "Draining …"; stack_down; exit 0' INT TERM
  wait_ready
  write_info
  exec 9>&-
  print_info
  if $detach; then
    trap - INT TERM
    return 0
  fi
  echo "Running. Ctrl-C drains and stops."
  while is_up; do sleep 0.5 & wait $! || true; done
}

# Publishers are told first, then files are finished, then the rest stops; s6 kills what outlives its grace.
stack_down() {
  local name pid
  if ! is_up; then
    echo "Millrace is not running (MILLRACE_HOME=$MILLRACE_HOME)."
    return 0
  fi
  local grace=$(((${DRAIN_SECONDS:-10} + 5) * 1000))
  for name in ingest recording packaging api metrics auth; do
    [ ! -d "$SCAN/$name" ] || s6-svc -wD -T $grace -d "$SCAN/$name" 2>/dev/null || true
  done
  pid=$(scanner_pid)
  s6-svscanctl -t "$SCAN"
  for _ in $(seq 100); do
    [ -d "/proc/$pid" ] || break
    sleep 0.1
  done
  rm -f "$RUN/svscan.pid"
  # The arena is memory: give it back.
  local log
  log=$(cat "$RUN/media_log_directory" 2>/dev/null || true)
  if [ -n "$log" ]; then
    rm -f "$log"/*.arena* "$log"/*.cursors* "$log"/*.lock
    rmdir --ignore-fail-on-non-empty "$log" 2>/dev/null || true
  fi
  echo "Millrace has stopped."
}

stack_status() {
  local name directory services="[]" port pid health
  if ! is_up || [ ! -f "$INFO" ]; then
    [ "${1:-}" != --json ] || echo '{"services":[]}'
    [ "${1:-}" = --json ] || echo "Millrace is not running (MILLRACE_HOME=$MILLRACE_HOME)."
    return 3
  fi
  for name in "${SERVICES[@]}"; do
    directory=$SCAN/$name
    pid=$(s6-svstat -o pid "$directory" 2>/dev/null || echo -1)
    port=$(sed -n "s/^${name^^}=//p" "$RUN/ops")
    health=$(health_of "$port")
    services=$(jq -c --arg name "$name" --argjson pid "$pid" --arg health "$health" --argjson port "$port" \
      '. + [{name: $name, pid: (if $pid > 0 then $pid else null end), health: $health, ops_port: $port}]' <<< "$services")
  done
  if [ "${1:-}" = --json ]; then
    jq --argjson services "$services" '. + {services: $services}' "$INFO"
  else
    print_info
    jq -r '.[] | "  \(.name)\t\(.health)\tpid \(.pid)"' <<< "$services" | expand -t 14
  fi
}

stack_logs() {
  local follow=() names=() argument files=()
  for argument in "$@"; do
    case $argument in -f) follow=(-F) ;; *) names+=("$argument") ;; esac
  done
  [ ${#names[@]} -gt 0 ] || names=("${SERVICES[@]}")
  for argument in "${names[@]}"; do
    [ -f "$MILLRACE_HOME/logs/$argument/current" ] || die "no log of '$argument' yet"
    files+=("$MILLRACE_HOME/logs/$argument/current")
  done
  exec tail -n 50 "${follow[@]}" "${files[@]}"
}
