# Running the services under s6; sourced by ./millrace. Expects settings.sh and build.sh.
#
#   $MILLRACE_HOME/secrets.env   0600, made at the first start
#   $MILLRACE_HOME/run/s6/       one service directory each, with a logger and the secrets of this service alone
#   $MILLRACE_HOME/run/*.ports   what the services really bound
#   $MILLRACE_HOME/logs/SERVICE/current

SCAN=$RUN/s6
INFO=$RUN/info.json
API_AT=$RUN/api

scanner_pid() { cat "$RUN/svscan.pid" 2>/dev/null || true; }
is_up() {
  local pid
  pid=$(scanner_pid)
  [ -n "$pid" ] && is_scanner "$pid" && [ -p "$SCAN/.s6-svscan/control" ]
}

# One that has ended counts for nothing, also where nobody reaps it.
is_scanner() {
  [ "$(cat "/proc/$1/comm" 2>/dev/null)" = s6-svscan ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null
}

# Supervisors whose s6-svscan was killed go on by themselves, those of the loggers too.
has_orphans() {
  local name
  for name in "${SERVICES[@]}"; do
    ! s6-svok "$SCAN/$name" 2>/dev/null || return 0
    ! s6-svok "$SCAN/$name/log" 2>/dev/null || return 0
  done
  return 1
}

# Which file a service's log is and how long: what comes behind that is of this run, or all of it if it was rotated.
log_end() { stat -c '%i %s' "$MILLRACE_HOME/logs/$1/current" 2>/dev/null || echo none 0; }

# last_lines SERVICE COUNT: of this run only.
last_lines() {
  local before length=0
  before=$(cat "$RUN/log_before.$1" 2>/dev/null || true)
  [ "${before% *}" != "$(log_end "$1" | cut -d' ' -f1)" ] || length=${before#* }
  tail -c +$((length + 1)) "$MILLRACE_HOME/logs/$1/current" | tail -n "$2"
}

# A path as one word of /bin/sh.
quoted() { printf "'%s'" "${1//\'/\'\\\'\'}"; }

write_service() {
  local name=$1 directory=$SCAN/$1 secret secrets=
  mkdir -p "$directory/log" "$MILLRACE_HOME/logs/$name"
  for secret in $(secrets_of "$name"); do
    secret_file "$directory/secrets" "$secret"
    [ -z "$REPLY" ] || secrets+=" ${secret}_FILE=$(quoted "$REPLY")"
  done
  # In the home, for a relative path in a secret's file: the service directory goes with the next start.
  printf '#!/bin/sh\nexec 2>&1\ncd %s || exit\nexec env%s %s\n' "$(quoted "$MILLRACE_HOME")" "$secrets" "$(quoted "$(bin "$name")")" \
    > "$directory/run"
  printf '#!/bin/sh\nexec %s %s "$@"\n' "$(quoted "$TOOLS/service_ended")" "$(quoted "$RUN/failed.$name")" > "$directory/finish"
  log_end "$name" > "$RUN/log_before.$name"
  printf '#!/bin/sh\nexec s6-log -b n5 s2000000 %s\n' "$(quoted "$MILLRACE_HOME/logs/$name")" > "$directory/log/run"
  chmod +x "$directory/run" "$directory/finish" "$directory/log/run"
  echo $((($(drain_seconds) + 3) * 1000)) > "$directory/timeout-kill"
}

# Its own session: Ctrl-C reaches this command, which then drains in order. No secret is in its environment: each
# service is given its own.
start_services() {
  local name secret without=()
  for name in "${SERVICES[@]}"; do
    [ -x "$(bin "$name")" ] || die "there is no program $(bin "$name")" 69
  done
  rm -rf "$SCAN" "$RUN"/failed.* "$INFO" "$RUN"/*.ports
  mkdir -p "$SCAN"
  for name in "${SERVICES[@]}"; do
    write_service "$name"
    for secret in $(secrets_of "$name"); do without+=(-u "$secret" -u "${secret}_FILE"); done
  done
  setsid env "${without[@]}" s6-svscan "$SCAN" 9>&- >"$RUN/svscan.log" 2>&1 </dev/null &
  STARTED=$!
  disown "$STARTED"  # its end is noticed below, without the shell's own words
  echo "$STARTED" > "$RUN/svscan.pid"
  for _ in $(seq 100); do ! is_up || return 0; sleep 0.05; done
  die "s6-svscan did not start: $(tail -n 3 "$RUN/svscan.log")"
}

# Whether what runs is what this command started.
is_ours() { is_up && [ "$(scanner_pid)" = "${STARTED:-}" ]; }

# The ports of health with the addresses they are bound to; status reads them whatever environment it is called with.
write_ops() {
  local name port address
  for name in "${SERVICES[@]}"; do
    port=${OPS_PORT[$name]} address=$(ops_address_of "$name")
    printf '%s\n' "${name^^}=${!port}" "$address=${!address:-}"
  done | sort -u > "$RUN/ops"
}

ops_value() { sed -n "s/^$1=//p" "$RUN/ops"; }

# ready, degraded, starting, stopping as the service itself says; down when it does not answer.
health_of() {
  local answer address
  address=$(ops_address_of "$1")
  answer=$(ask "$(reached_at "$(ops_value $address)"):$(ops_value "${1^^}")/readyz" -m 2 || true)
  jq -r '.state // "down"' <<< "${answer:-{\}}" 2>/dev/null || echo down
}

# Undoes what this up began, and nothing else. The exit code is that of a service that could not start: 64 for a setting.
give_up() {
  local name code=1
  for name in "${@:2}"; do
    echo "--- $name" >&2
    last_lines "$name" 5 >&2 || true
    [ ! -f "$RUN/failed.$name" ] || code=$(cat "$RUN/failed.$name")
  done
  ! is_ours || stack_down >/dev/null || true
  die "$1" "$code"
}

# Ends up when a service ended for good, or three times.
check_starting() {
  local name=$1
  [ ! -f "$RUN/failed.$name" ] || give_up "$name could not start" "$name"
  [ "$(s6-svdt "$SCAN/$name" 2>/dev/null | wc -l)" -lt 3 ] || give_up "$name ends again and again" "$name"
}

# Waits until every service is ready; a service that can't start says why and stops the rest. One that serves without
# something it needs (an issuer of tokens, Redis) is waited for a while, then left to it. Asked less and less often.
wait_ready() {
  local name health deadline=$((SECONDS + 60)) patience=$((SECONDS + 20)) pause=1 waiting=("${SERVICES[@]}") next degraded
  local silence=$((SECONDS + 3)) said=
  while :; do
    is_ours || give_up "stopped by another command"
    next=() degraded=()
    for name in "${waiting[@]}"; do
      check_starting "$name"
      health=$(health_of "$name")
      [ "$health" = ready ] || next+=("$name")
      [ "$health" != degraded ] || degraded+=("$name")
    done
    waiting=("${next[@]}")
    [ ${#waiting[@]} -gt 0 ] || return 0
    if [ -z "$said" ] && [ $SECONDS -ge $silence ]; then
      said=yes
      echo "Waiting up to 60 s for: ${waiting[*]} …"
    fi
    if [ $SECONDS -gt $patience ] && [ "${waiting[*]}" = "${degraded[*]}" ]; then
      echo "millrace: serving, but degraded: ${degraded[*]} (see ./millrace status and logs)" >&2
      return 0
    fi
    [ $SECONDS -le $deadline ] || give_up "not ready after 60 s: ${waiting[*]}" "${waiting[@]}"
    sleep "$((pause / 10)).$((pause % 10))"
    pause=$((pause < 8 ? pause + 1 : 8))
  done
}

# A token of the owner, by the secret that the running services have.
owner_token() {
  env -i PATH="$PATH" MILLRACE_HOME="$MILLRACE_HOME" API_TOKEN_SECRET_FILE="$1" "$(bin auth)" --issue-token owner --token-life "$TOKEN_SECONDS"
}

# What up says at its end.
write_info() {
  local token answer
  rm -f "$MILLRACE_HOME/token"  # one of a year, as up once made it
  secret_file "$SCAN/auth/secrets" API_TOKEN_SECRET
  printf '%s\n' "$REPLY" > "$RUN/token_secret"
  token=$(owner_token "$REPLY")
  printf '%s\n' "$(reached_at "${LISTEN_ADDRESS:-}"):$PORT" > "$API_AT"
  answer=$(ask_for_key "$token" 10) || give_up "the API did not answer" api
  (umask 077; describe "$answer" "$token" | jq --arg log "$MEDIA_LOG_DIR" --arg bus "$BUS_DIR" --arg media "$MEDIA_ROOT/$VOD_DIRECTORY_NAME" \
    '. + {vod_directory: $media, media_log_directory: $log, bus_directory: $bus}' > "$INFO.new" && mv "$INFO.new" "$INFO")
}

# lock_home: one up at a time per home, from before the first package to the last service's start.
lock_home() {
  mkdir -p "$RUN"
  exec 9>"$RUN/up.lock"
  flock -n 9 || die "another ./millrace up is building or starting here (MILLRACE_HOME=$MILLRACE_HOME)"
}

# What up was called with. A sum, for there are secrets among it.
settings_sum() { setting_names | while read -r name; do printf '%s=%s\0' "$name" "${!name}"; done | sha256sum; }

# Whether an up is at work that has started nothing yet.
is_starting() { ! is_up && [ -f "$RUN/up.lock" ] && ! (flock -n 9) 9<"$RUN/up.lock"; }

# It would start the services after this.
not_while_starting() {
  ! is_starting || die "an ./millrace up is building or starting here, Ctrl-C ends it (MILLRACE_HOME=$MILLRACE_HOME)"
}

say_running() {
  echo "Millrace is already running (MILLRACE_HOME=$MILLRACE_HOME)."
  [ "$(settings_sum)" = "$(cat "$RUN/settings" 2>/dev/null)" ] \
    || echo "millrace: settings have changed since: ./millrace down and up take them" >&2
  [ -f "$INFO" ] || return 0
  renew_token
  renew_key
  print_info
}

stack_up() {
  local detach=false name
  for name in "$@"; do
    case $name in --detach|-d) detach=true ;; *) die "up: unknown option $name" 64 ;; esac
  done
  lock_home
  if is_up; then say_running; return 0; fi
  settings_sum > "$RUN/settings"  # before what is chosen below
  # What needs no build is refused before it.
  warn_of_unknown_names
  drain_seconds >/dev/null
  ! has_orphans || stack_down >/dev/null
  (choose_ports) || exit
  if [ -z "${MILLRACE_BIN:-}" ]; then
    need_packages build run
    build_programs
  fi
  need_commands curl jq s6-svscan setsid
  choose_ports
  choose_paths
  choose_secrets
  write_ops
  echo "Starting the ${#SERVICES[@]} services … (logs: $MILLRACE_HOME/logs)"
  start_services
  trap 'echo; echo "Draining …"; ! is_ours || stack_down; exit 0' INT TERM
  wait_ready
  write_info
  exec 9>&-
  print_info
  if $detach; then
    trap - INT TERM
    return 0
  fi
  echo "Running. Ctrl-C drains and stops."
  while is_ours; do sleep 0.5 & wait $! || true; done
  # down takes this away.
  if [ "$(scanner_pid)" != "$STARTED" ]; then
    echo "Stopped by ./millrace down."
    return 0
  fi
  die "the services' supervisor was killed, they go on without it: ./millrace up starts all again"
}

# Publishers are notified first, then files are finished, then the rest stops; s6 kills what outlives its grace. As up was
# called, not as this is: DRAIN_SECONDS and the place of the media log are those of up.
stack_down() {
  local name pid seconds log
  if ! is_up && ! has_orphans; then
    echo "Millrace is not running (MILLRACE_HOME=$MILLRACE_HOME)."
    return 0
  fi
  seconds=$(cat "$RUN/drain_seconds" 2>/dev/null || drain_seconds)
  for name in "${STOP_ORDER[@]}"; do
    [ ! -d "$SCAN/$name" ] || s6-svc -wD -T $(((seconds + 5) * 1000)) -d "$SCAN/$name" 2>/dev/null || true
  done
  if is_up; then
    pid=$(scanner_pid)
    s6-svscanctl -t "$SCAN"
  else
    for name in "${SERVICES[@]}"; do
      s6-svc -x "$SCAN/$name" 2>/dev/null || true
      s6-svc -dx "$SCAN/$name/log" 2>/dev/null || true
    done
  fi
  for _ in $(seq $(((seconds + 10) * 10))); do
    is_scanner "${pid:-none}" || has_orphans || break
    sleep 0.1
  done
  if is_scanner "${pid:-none}" || has_orphans; then
    echo "millrace: not all has ended after $((seconds + 10)) s; the media log is left where it is" >&2
    return 1
  fi
  rm -rf "$RUN/svscan.pid" "$SCAN"/*/secrets
  # The arena is memory: give it back.
  log=$(cat "$RUN/media_log_directory" 2>/dev/null || true)
  if [ -n "$log" ]; then
    forget_arenas "$log"
    rmdir --ignore-fail-on-non-empty "$log" 2>/dev/null || true
  fi
  echo "Millrace has stopped."
}

# forget_arenas DIRECTORY: of writers that have ended. Whoever writes holds the lock: another stack may share the directory.
forget_arenas() {
  local file name
  for file in "$1"/*.arena* "$1"/*.cursors* "$1"/*.lock; do
    [ -e "$file" ] || continue
    name=${file##*/}
    name=${name%.lock}
    name=${name%.arena*}
    name=$1/${name%.cursors*}
    flock -n "$name.lock" rm -f "$name".arena* "$name".cursors* "$name.lock" || true
  done
}

# A new token for the owner when the old one is in the second half of its life.
renew_token() {
  local token
  token_is_fresh || [ ! -s "$RUN/token_secret" ] && return 0
  token=$(owner_token "$(cat "$RUN/token_secret")") || return 0
  replace_token "$token"
}

stack_status() {
  local name directory services="[]" port pid health
  case ${1:-} in --json|'') ;; *) die "status: unknown option $1" 64 ;; esac
  if ! is_up || [ ! -f "$INFO" ]; then
    if [ "${1:-}" = --json ]; then
      echo '{"services":[]}'
    elif is_starting; then
      echo "An ./millrace up is building or starting here (MILLRACE_HOME=$MILLRACE_HOME)."
    else
      echo "Millrace is not running (MILLRACE_HOME=$MILLRACE_HOME)."
    fi
    ! has_orphans || echo "millrace: services go on without their supervisor, which was killed: ./millrace up starts all again" >&2
    return 3
  fi
  renew_token
  renew_key
  for name in "${SERVICES[@]}"; do
    directory=$SCAN/$name
    pid=$(s6-svstat -o pid "$directory" 2>/dev/null || echo -1)
    port=$(ops_value "${name^^}")
    health=$(health_of "$name")
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

# millrace-auth beside the running services, with the secret of tokens that they have and over their bus.
stack_operator() {
  [ -x "$(bin auth)" ] || die "nothing is built yet: ./millrace up or ./millrace build" 69
  [ "${1:-}" != --help ] || exec "$(bin auth)" --help
  is_up && [ -s "$RUN/token_secret" ] || die "Millrace is not running (MILLRACE_HOME=$MILLRACE_HOME)." 3
  exec env API_TOKEN_SECRET_FILE="$(cat "$RUN/token_secret")" "$(bin auth)" "$@"
}

stack_reload() {
  is_up || die "Millrace is not running (MILLRACE_HOME=$MILLRACE_HOME)." 3
  exec 9>"$RUN/reload.lock"
  flock 9
  rm -f "$RUN/ingest.reload"
  s6-svc -h "$SCAN/ingest"
  for _ in $(seq $((RELOAD_SECONDS * 10))); do
    [ ! -f "$RUN/ingest.reload" ] || break
    sleep 0.1
  done
  say_reloaded ingest "$(cat "$RUN/ingest.reload" 2>/dev/null)"
}

stack_logs() {
  local follow=() names=() argument files=()
  for argument in "$@"; do
    case $argument in -f) follow=(-F) ;; -*) die "logs: unknown option $argument" 64 ;; *) names+=("$argument") ;; esac
  done
  [ ${#names[@]} -gt 0 ] || names=("${SERVICES[@]}")
  for argument in "${names[@]}"; do
    [[ " ${SERVICES[*]} " == *" $argument "* ]] || die "logs: there is no service '$argument', only ${SERVICES[*]}" 64
    [ -f "$MILLRACE_HOME/logs/$argument/current" ] || die "no log of '$argument' yet"
    files+=("$MILLRACE_HOME/logs/$argument/current")
  done
  exec tail -n 50 "${follow[@]}" "${files[@]}"
}
