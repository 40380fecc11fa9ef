#!/usr/bin/env bash
# Prints docs/configuration.md from the services' own tables: tools/generate_configuration.sh [BIN_DIR] > docs/configuration.md
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BIN=${1:-$ROOT/build/release/bin}
# shellcheck source=tools/millrace/services.sh
source "$ROOT/tools/millrace/services.sh"
cat <<'TEXT'
# Configuration

Environment variables, read at start from the environment or from a `.env` file beside `./millrace`; generated from the
services' tables by `tools/generate_configuration.sh`. A bad value stops the start with a line that names the variable.
Sizes take K, M or G. A port of 0 takes a free one.

Each secret may be in a file instead, as Docker, Kubernetes and systemd hand them out: `NAME_FILE` names it, the line ends
behind the secret are not part of it, and `NAME` must then be unset. `./millrace up` gives each service its own secrets so,
and no other.

`.env` has lines `NAME=value`, read as docker compose v2 does: blanks around `=`, `export`, `#` comments on lines of their own
and behind a value, `'quotes'` that keep everything as it is, `"quotes"` with `\n \r \t \\ \" \$`. Nothing is replaced: a value
with `$NAME` needs single quotes. A line that is none of these ends the command with the line's number. Only what is named on
this page or in `tools/container/README.md`, `MILLRACE_…`, `COMPOSE_…`, `DOCKER_…`, `JOBS` and the proxies (`http_proxy` and its
like) are taken; `up` reports every other name, and one that would change which programs run (`PATH`, `LD_…`, `BASH_…` and their
like) is refused. The environment wins over the file, with either form of a secret; a file that
sets both forms is refused. A relative path, `MILLRACE_HOME` too, counts from the directory of the file that names it; in the
environment, from where the command is called.

`LOG_FORMAT` (`text` or `json`) and `LOG_LEVEL` (`trace`, `debug`, `info`, `warning`, `error`) hold for every service.
`./millrace` itself knows `MILLRACE_HOME` (state, default `.millrace`), `MILLRACE_BIN` (programs already built),
`MILLRACE_BUILD_DIR` and `MILLRACE_ENV_FILE` (in place of `.env`; `/dev/null`: none). `./millrace test` and `bench` read no
`.env` and forget every variable of this page.
TEXT
for service in "${SERVICES[@]}"; do
  printf '\n## %s\n\n' "$service"
  # Its defaults must not depend on whoever generates the page.
  env -i PATH="$PATH" "$BIN/millrace-$service" --config-markdown
done
