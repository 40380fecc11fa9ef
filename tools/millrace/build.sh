# Packages and builds; sourced by ./millrace and tools/millrace/test.sh. Expects ROOT and BUILD.

# need_packages GROUP …: installs what is missing of tools/packages.txt, or says what to install.
need_packages() {
  local group package missing=()
  command -v dpkg-query >/dev/null || return 0
  while read -r group package; do
    [[ " $* " == *" $group "* ]] || continue
    # nodejs from elsewhere brings its own npm, Docker from elsewhere its own compose.
    case $package in
      npm) ! command -v npm >/dev/null || continue ;;
      docker.io) ! command -v dockerd >/dev/null || continue ;;
      docker-compose) ! { command -v docker-compose || docker compose version; } >/dev/null 2>&1 || continue ;;
    esac
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done < <(grep -v '^#' "$ROOT/tools/packages.txt")
  [ ${#missing[@]} -gt 0 ] || return 0
  local sudo=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "millrace: please install: ${missing[*]}" >&2; exit 69; }
    sudo=(sudo)
  fi
  echo "Installing ${#missing[@]} Debian packages: ${missing[*]}"
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# npm packages of a directory, by its lock file, only when they changed. Their own scripts never run.
need_npm() {
  local directory=$1
  [ -f "$directory/package-lock.json" ] || return 0
  if [ ! -f "$directory/node_modules/.package-lock.json" ] || [ "$directory/package-lock.json" -nt "$directory/node_modules/.package-lock.json" ]; then
    (cd "$directory" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
  fi
}

configure() {
  local preset=$1
  shift
  (cd "$ROOT" && cmake --preset "$preset" -B "$BUILD_DIR" "$@" >"$BUILD_DIR.log" 2>&1) || { cat "$BUILD_DIR.log" >&2; exit 1; }
}

# The six services and the tools, optimised. Quiet when there is nothing to do.
build_programs() {
  mkdir -p "$(dirname "$BUILD")"
  # ninja knows no other ninja: two builds of one tree wait for each other.
  exec 8>"$BUILD.lock"
  flock 8
  need_npm "$ROOT/services/api/web"
  BUILD_DIR=$BUILD configure release
  echo "Building Millrace ($BUILD) …"
  ninja -C "$BUILD" programs >"$BUILD/build.log" 2>&1 || { tail -50 "$BUILD/build.log" >&2; exit 1; }
  exec 8>&-
}
