# Packages and builds; sourced by ./millrace and tools/millrace/test.sh. Expects ROOT and BUILD.

# Without a terminal, how often a phase that goes on says how far it is.
PROGRESS_SECONDS=${PROGRESS_SECONDS:-30}
# How much of a failed phase's log is shown.
FAILURE_LINES=30

# Where a tree's logs are that come before its build: packages.log, npm.log.
log_directory() { dirname "${BUILD:-$ROOT/build/release}"; }

# show_progress PARENT LOG PATTERN: the newest line of the log that matches, on a terminal in one line that is written over,
# else a line now and then. Until it is killed, or the shell that began it has ended.
show_progress() {
  local line last="" begun=$SECONDS said=$SECONDS parent
  while read -r _ _ _ parent _ < "/proc/$BASHPID/stat" && [ "$parent" = "$1" ]; do
    sleep 0.5 >/dev/null 2>&1
    line=$(tail -c 20000 "$2" 2>/dev/null | tr '\r' '\n' | tr -dc '[:print:]\n' | grep -aE "$3" | tail -n 1) || continue
    if [ -t 1 ]; then
      [ "$line" = "$last" ] || printf '\r\033[K%s' "${line:0:$((${COLUMNS:-$(tput cols 2>/dev/null || echo 80)} - 1))}"
      last=$line
    elif [ $((SECONDS - said)) -ge "$PROGRESS_SECONDS" ]; then
      said=$SECONDS
      echo "  $((SECONDS - begun)) s: ${line:0:160}"
    fi
  done
}

# Of a failed phase: from what failed first on, else the end.
show_failure() {
  local title=$1 log=$2
  {
    echo "--- $log"
    if grep -qaE '^FAILED:|^E: |^npm ERR!|CMake Error' "$log"; then
      sed -nE '/^FAILED:|^E: |^npm ERR!|CMake Error/,$p' "$log" | head -n "$FAILURE_LINES" || true
    else
      tail -n "$FAILURE_LINES" "$log"
    fi
    echo "millrace: failed: ${title%%,*}; all of it is in $log"
  } >&2
}

# run_phase TITLE LOG PATTERN COMMAND …: says what is done and where its log is, shows how far it is, and ends the
# command with the log's lines that tell why if it fails. The command stays in the foreground: Ctrl-C ends it.
run_phase() {
  local title=$1 log=$2 pattern=$3 owner=$BASHPID watcher status=0 interrupted=false
  mkdir -p "$(dirname "$log")"
  : > "$log"
  echo "$title … (log: $log)"
  show_progress "$owner" "$log" "$pattern" 7>&- 8>&- 9>&- &
  watcher=$!
  trap 'interrupted=true' INT
  # What a package starts (a database) must not keep others from installing.
  "${@:4}" >"$log" 2>&1 7>&- || status=$?
  trap - INT
  kill "$watcher" 2>/dev/null || true
  wait "$watcher" 2>/dev/null || true
  [ ! -t 1 ] || printf '\r\033[K'
  ! $interrupted || { echo "millrace: interrupted: ${title%%,*}; the next start goes on from there" >&2; exit 130; }
  [ $status = 0 ] || { show_failure "$title" "$log"; exit 1; }
}

# How long another apt is waited for: the first minutes of a machine have one.
APT_LOCK_SECONDS=600

# only_one: until the shell ends or calls others_may, other commands of this tree wait before they install: they write the same logs.
only_one() {
  mkdir -p "$(log_directory)"
  exec 7>"$(log_directory)/install.lock"
  flock -n 7 || { echo "Waiting for another ./millrace that installs …"; flock 7; }
}
others_may() { exec 7>&-; }

# missing_packages GROUP …: one a line.
missing_packages() {
  local group package
  while read -r group package; do
    [[ " $* " == *" $group "* ]] || continue
    # nodejs from elsewhere brings its own npm, Docker from elsewhere its own compose.
    case $package in
      npm) ! command -v npm >/dev/null || continue ;;
      docker.io) ! command -v dockerd >/dev/null || continue ;;
      docker-compose) ! { command -v docker-compose || docker compose version; } >/dev/null 2>&1 || continue ;;
    esac
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
  done < <(grep -v '^#' "$ROOT/tools/packages.txt") | sort -u
}

# need_packages GROUP …: installs what is missing of tools/packages.txt, or says what to install.
need_packages() {
  local missing sudo=()
  command -v dpkg-query >/dev/null || return 0
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "millrace: please install: ${missing[*]}" >&2; exit 69; }
    sudo=(sudo)
  fi
  only_one
  mapfile -t missing < <(missing_packages "$@")
  if [ ${#missing[@]} -gt 0 ]; then
    echo "Missing Debian packages: ${missing[*]}"
    run_phase "Asking for newer lists of packages" "$(log_directory)/apt.log" . \
      "${sudo[@]}" apt-get -o DPkg::Lock::Timeout=$APT_LOCK_SECONDS update
    run_phase "Installing ${#missing[@]} Debian packages and what they need" "$(log_directory)/packages.log" . \
      "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=$APT_LOCK_SECONDS install -y --no-install-recommends "${missing[@]}"
  fi
  others_may
}

# npm packages of a directory, by its lock file, only when they changed. Their own scripts never run.
need_npm() {
  local directory=$1
  [ -f "$directory/package-lock.json" ] && ! has_npm "$directory" || return 0
  only_one
  if ! has_npm "$directory"; then
    run_phase "Fetching npm packages of ${directory#"$ROOT"/}" "$(log_directory)/npm.log" . \
      env -C "$directory" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  fi
  others_may
}
has_npm() {
  [ -f "$1/node_modules/.package-lock.json" ] && [ ! "$1/package-lock.json" -nt "$1/node_modules/.package-lock.json" ]
}

# configure PRESET DIRECTORY
configure() {
  local log=$2.log
  mkdir -p "$(dirname "$2")"
  (cd "$ROOT" && cmake --preset "$1" -B "$2" >"$log" 2>&1) || { show_failure "Configuring $1" "$log"; exit 1; }
}

# build_targets DIRECTORY [TARGET …]
build_targets() {
  run_phase "Building ${1#"$ROOT"/}, which takes minutes the first time" "$1/build.log" '^\[[0-9]+/[0-9]+\]' ninja -C "$@"
}

# The services and the tools, optimised. Quiet when there is nothing to do.
build_programs() {
  mkdir -p "$(dirname "$BUILD")"
  # ninja knows no other ninja: two builds of one tree wait for each other.
  exec 8>"$BUILD.lock"
  flock 8
  need_npm "$ROOT/services/api/web"
  configure release "$BUILD"
  ninja -C "$BUILD" -n programs | grep -q '^ninja: no work to do' || build_targets "$BUILD" programs
  exec 8>&-
}
