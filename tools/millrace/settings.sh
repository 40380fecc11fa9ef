# What a stack runs with: ports, paths and secrets; sourced by ./millrace and tools/compose.sh.
# Expects ROOT, BUILD, MILLRACE_HOME, die, services.sh and env.sh.

RUN=$MILLRACE_HOME/run

# Programs come from the build tree; an installation sets MILLRACE_BIN.
bin() { echo "${MILLRACE_BIN:-$BUILD/bin}/millrace-$1"; }

# need_commands NAME …: what no package of ours brings must be there before anything else is done.
need_commands() {
  local name missing=()
  for name in "$@"; do command -v "$name" >/dev/null || missing+=("$name"); done
  [ ${#missing[@]} -eq 0 ] || die "please install: ${missing[*]}" 69
}

# reached_at ADDRESS: the host of a URL for what listens on it.
reached_at() {
  case $1 in
    ''|0.0.0.0) echo 127.0.0.1 ;; ::) echo '[::1]' ;; *:*) echo "[$1]" ;; *) echo "$1" ;;
  esac
}

# ask HOST:PORT/PATH …: curl without the proxies of whoever calls.
ask() { curl -sg --noproxy '*' "http://$1" "${@:2}"; }

# Ports that this stack itself has, so that they are not in use by another.
OWN_PORTS=()

# The kernel's own table: works before any package is installed.
is_listening() {
  local port
  printf -v port %04X "$1"
  grep -qsE "^ *[0-9]+: [0-9A-F]+:$port [0-9A-F]+:0000 0A " /proc/net/tcp /proc/net/tcp6
}

free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    [[ " ${TAKEN[*]-} " == *" $port "* ]] || is_listening "$port" || { echo "$port"; return; }
  done
}

# Every port of PORT_VARIABLES with its number, a free one for "0"; all that are in use are named at once, each with the setting that changes it.
choose_ports() {
  local entry name busy=
  local -a variables=("${PORT_VARIABLES[@]}")
  TAKEN=()
  [ -z "${SSL_CERT:-}" ] || variables+=(SSL_PORT=443)
  for entry in "${variables[@]}"; do
    name=${entry%%=*}
    export "$name=${!name:-${entry#*=}}"
    [[ ${!name} =~ ^[0-9]{1,5}$ ]] && [ "${!name}" -le 65535 ] || die "$name must be a port number, not '${!name}'" 64
    export "$name=$((10#${!name}))"
    [ "${!name}" != 0 ] || export "$name=$(free_port)"
    if [[ " ${TAKEN[*]-} " == *" ${!name} "* ]]; then die "$name: port ${!name} is given to two services" 64; fi
    if [[ " ${OWN_PORTS[*]-} " != *" ${!name} "* ]] && is_listening "${!name}"; then
      busy+="${busy:+$'\n'}port ${!name} is in use; set $name to another one"
    fi
    TAKEN+=("${!name}")
  done
  [ -z "$busy" ] || die "$busy" 69
}

# DRAIN_SECONDS as a number that the shell can count with ("08" is 8, as for the services).
drain_seconds() {
  local seconds=${DRAIN_SECONDS:-10}
  [[ $seconds =~ ^[0-9]{1,4}$ ]] || die "DRAIN_SECONDS must be a number of seconds, not '$seconds'" 64
  echo $((10#$seconds))
}

choose_paths() {
  local hash
  hash=$(printf %s "$MILLRACE_HOME" | sha256sum | cut -c1-12)
  export MEDIA_LOG_DIR=${MEDIA_LOG_DIR:-/dev/shm/millrace-$(id -u)-$hash}
  export BUS_DIR=${BUS_DIR:-$RUN/bus}
  # A UNIX socket's path holds 107 bytes; a deep home gets a short directory instead.
  if [ ${#BUS_DIR} -gt 80 ]; then export BUS_DIR=/tmp/millrace-$(id -u)-$hash; fi
  export MEDIA_ROOT=${MEDIA_ROOT:-$MILLRACE_HOME/media} VOD_DIRECTORY_NAME=${VOD_DIRECTORY_NAME:-vod}
  [ -n "${DATABASE_URL_FILE:-}" ] || export DATABASE_URL=${DATABASE_URL:-$MILLRACE_HOME/data/streaming.db}
  export RTMP_BASE_URL=${RTMP_BASE_URL:-rtmp://localhost:$RTMP_PORT}
  export HLS_BASE_URL=${HLS_BASE_URL:-http://localhost:$HLS_PORT}
  export API_BASE_URL=${API_BASE_URL:-http://localhost:$PORT}
  export WEB_ROOT=${WEB_ROOT:-$BUILD/web}
  mkdir -p "$BUS_DIR" "$RUN"
  chmod 700 "$BUS_DIR"
  # For down, whatever environment it is called with.
  printf '%s\n' "$MEDIA_LOG_DIR" > "$RUN/media_log_directory"
  drain_seconds > "$RUN/drain_seconds"
}

random_secret() { od -An -tx1 -N32 /dev/urandom | tr -d ' \n'; }

# Random secrets, once. A value from the environment or .env wins.
choose_secrets() {
  local file=$MILLRACE_HOME/secrets.env
  if [ ! -e "$file" ]; then
    (umask 077
     printf 'MILLRACE_SECRET=%s\nAPI_TOKEN_SECRET=%s\nPLAYBACK_SECRET=%s\n' "$(random_secret)" "$(random_secret)" \
       "$(random_secret)" > "$file.$$")
    # The first of two that start at once has made them.
    ln "$file.$$" "$file" 2>/dev/null || true
    rm -f "$file.$$"
  fi
  parse_env "$file"
  if [ -z "${ENV_VALUES[PLAYBACK_SECRET]+set}" ]; then  # made before there was one
    (umask 077; { cat "$file"; printf '\nPLAYBACK_SECRET=%s\n' "$(random_secret)"; } > "$file.new" && mv "$file.new" "$file")
  fi
  read_env "$file"
}

# secrets_of SERVICE: the names of the secrets in its own table of settings.
secrets_of() { "$(bin "$1")" --config-markdown | sed -n 's/^| `\([A-Z_]*\)` | secret |.*/\1/p'; }

# secret_file DIRECTORY NAME: the file that holds this secret, in REPLY: the one NAME_FILE names, or one made of the
# value, 0600, in the directory. Empty when it is not set.
secret_file() {
  local directory=$1 name=$2 file=${2}_FILE
  REPLY=
  if [ -n "${!file:-}" ]; then
    [ -z "${!name:-}" ] || die "$name and $file are both set: one of them must go" 64
    [ -f "${!file}" ] && [ -r "${!file}" ] || die "$file: ${!file} is not a file that can be read" 64
    REPLY=${!file}
  elif [ -n "${!name:-}" ]; then
    (umask 077; mkdir -p "$directory"; printf %s "${!name}" > "$directory/$name")
    REPLY=$directory/$name
  fi
}
