# The one reader of files with settings (.env, secrets.env); sourced by ./millrace and tools/compose.sh. Expects die.
#
# NAME=VALUE lines as docker compose v2 reads them: "export", blanks around "=", 'as it is', "with \n \r \t \\ \" \$",
# comments on lines of their own and behind a value. What compose would replace or what is none of this ends the
# command with the line's number, so that no setting is ever passed over; the line itself may be a secret.

declare -A ENV_VALUES ENV_LINES

# Settings that are paths, beside every NAME_FILE and a DATABASE_URL that is no URL. A relative one counts from the
# directory of the file that names it, or else from where the command was called.
PATH_SETTINGS=(MILLRACE_HOME MILLRACE_BIN MILLRACE_BUILD_DIR MEDIA_LOG_DIR BUS_DIR BUS_KEYS MEDIA_ROOT WEB_ROOT
  SSL_CERT SSL_KEY SSL_DIRECTORY FORWARD_TLS_AUTHORITIES)

# Settings of the commands themselves that no page has as a name.
OWN_SETTINGS=(JOBS http_proxy https_proxy no_proxy all_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY)

# Whether it is a setting of the programs, of the containers or of the commands, in either form. Nothing else is taken
# from a file.
is_setting() {
  [[ ! $1 =~ ^(COMPOSE|DOCKER|MILLRACE)_[A-Z0-9_]+$ && " ${PATH_SETTINGS[*]} ${OWN_SETTINGS[*]} " != *" $1 "* ]] || return 0
  [[ $1 =~ ^[A-Z][A-Z0-9_]*$ ]] \
    && grep -q "\`\($1\|${1%_FILE}\)\`" "$ROOT/docs/configuration.md" "$ROOT/tools/container/README.md"
}

# What changes which programs are run or how: never a setting, and no slip of the pen either.
is_dangerous() {
  case $1 in
    PATH|ENV|IFS|CDPATH|GLOBIGNORE|SHELLOPTS|PS4|NODE_OPTIONS|GCONV_PATH|BASH*|LD_*|PYTHON*) return 0 ;;
    *) return 1 ;;
  esac
}

# is_path NAME VALUE
is_path() {
  case $1 in
    DATABASE_URL) [[ $2 != *://* && $2 != :* ]] ;;
    *) [[ $1 == *_FILE || " ${PATH_SETTINGS[*]} " == *" $1 "* ]] ;;
  esac
}

# absolute_path NAME VALUE DIRECTORY: the value in REPLY, absolute where it is a path. Symbolic links stay: what they
# point to may change.
absolute_path() {
  REPLY=$2
  [ -n "$2" ] && [[ $2 != /* ]] && is_path "$1" "$2" || return 0
  REPLY=$(realpath -ms -- "$3/$2")
}

# Relative paths of the environment, before they are read by programs that run elsewhere.
fix_relative_paths() {
  local name
  while read -r name; do
    absolute_path "$name" "${!name}" "$PWD"
    [ "$REPLY" = "${!name}" ] || export "$name=$REPLY"
  done < <(setting_names)
}

# Of docs/configuration.md, in both forms, and of ./millrace itself: those that the environment has.
setting_names() {
  { sed -n 's/^| `\([A-Z0-9_]*\)` |.*/\1\n\1_FILE/p' "$ROOT/docs/configuration.md"; printf '%s\n' "${PATH_SETTINGS[@]}"; } \
    | sort -u | while read -r name; do [ -z "${!name:-}" ] || echo "$name"; done
}

# The value of what follows "=", in REPLY; or why it is none, and 1.
env_value() {
  local text=$1 blank='[[:blank:]]' rest='[[:blank:]]*([[:blank:]]#.*)?$'
  local single="^'([^']*)'$rest" double='^"(([^"\]|\\.)*)"'$rest escape
  REPLY=
  case $text in
    "'"*)
      [[ $text =~ $single ]] || { REPLY="the quotes do not end where the value does"; return 1; }
      REPLY=${BASH_REMATCH[1]}
      return 0 ;;
    '"'*)
      [[ $text =~ $double ]] || { REPLY="the quotes do not end where the value does"; return 1; }
      text=${BASH_REMATCH[1]} ;;
    '#'*) REPLY="a value that begins with # needs quotes"; return 1 ;;
    *)
      text=${text%%$blank#*}
      REPLY=${text%"${text##*[![:blank:]]}"}
      [[ $REPLY != *'$'[A-Za-z_{\$]* ]] || { REPLY="a value with \$ needs single quotes"; return 1; }
      return 0 ;;
  esac
  while [ -n "$text" ]; do
    case $text in
      '\'*)
        escape=${text:1:1} text=${text:2}
        case $escape in
          n) REPLY+=$'\n' ;; r) REPLY+=$'\r' ;; t) REPLY+=$'\t' ;; '\'|'"'|'$') REPLY+=$escape ;;
          *) REPLY="\\$escape means nothing in double quotes: use single ones"; return 1 ;;
        esac ;;
      '$'[A-Za-z_{\$]*) REPLY="a value with \$ needs single quotes"; return 1 ;;
      *) REPLY+=${text:0:1} text=${text:1} ;;
    esac
  done
}

# parse_env FILE: its values in ENV_VALUES, the lines they are on in ENV_LINES.
parse_env() {
  local file=$1 number=0 line name
  local assignment='^[[:blank:]]*(export[[:blank:]]+)?([A-Za-z_][A-Za-z0-9_]*)[[:blank:]]*=[[:blank:]]*(.*)$'
  ENV_VALUES=() ENV_LINES=()
  [ -e "$file" ] && [ "$file" != /dev/null ] || return 0
  [ -f "$file" ] && [ -r "$file" ] || die "$file: not a file that can be read" 64
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    line=${line%$'\r'}
    [ $number -gt 1 ] || line=${line#$'\xEF\xBB\xBF'}
    [[ $line =~ ^[[:blank:]]*(#.*)?$ ]] && continue
    [[ $line =~ $assignment ]] || die "$file, line $number: not NAME=VALUE" 64
    name=${BASH_REMATCH[2]}
    ! is_dangerous "$name" || die "$file, line $number: $name is not taken from a file: it changes how programs are run" 64
    env_value "${BASH_REMATCH[3]}" || die "$file, line $number ($name): $REPLY" 64
    ENV_VALUES[$name]=$REPLY ENV_LINES[$name]=$number
  done < "$file"
}

# other_form NAME: the other name of the same secret, in REPLY: NAME_FILE of NAME and NAME of NAME_FILE.
other_form() { [[ $1 == *_FILE ]] && REPLY=${1%_FILE} || REPLY=${1}_FILE; }

# Whether NAME is documented as no secret, so that it has one form: SSL_CERT_FILE is OpenSSL's, not SSL_CERT's.
is_no_secret() { grep -v '| secret |' "$ROOT/docs/configuration.md" | grep -q "^| \`$1\` |"; }

# read_env FILE: exports the settings that the environment has not, in either form where it is a secret; relative paths count from the
# file's directory. Both forms in one file are refused, so none that is found in the environment is this file's.
read_env() {
  local name directory
  parse_env "$1"
  directory=$(cd "$(dirname "$1")" && pwd)
  for name in "${!ENV_VALUES[@]}"; do
    [ -z "${ENV_VALUES[$name]}" ] || [ -z "${ENV_VALUES[${name}_FILE]:-}" ] \
      || die "$1, lines ${ENV_LINES[$name]} and ${ENV_LINES[${name}_FILE]}: $name and ${name}_FILE are both set: one of them must go" 64
  done
  for name in "${!ENV_VALUES[@]}"; do
    is_setting "$name" || continue
    other_form "$name"
    [ -z "${!name+set}" ] || continue
    [ -z "${!REPLY:-}" ] || is_no_secret "$name" || continue
    absolute_path "$name" "${ENV_VALUES[$name]}" "$directory"
    export "$name=$REPLY"
  done
}

# The file of settings, in ENV_FILE: .env, or the one of MILLRACE_ENV_FILE, which must be there (/dev/null: none).
choose_env_file() {
  ENV_FILE=${MILLRACE_ENV_FILE:-$ROOT/.env}
  [ -z "${MILLRACE_ENV_FILE:-}" ] || [ -e "$ENV_FILE" ] || die "MILLRACE_ENV_FILE: there is no $ENV_FILE" 64
}

# Every setting of the programs, in both forms, and what .env has: nothing of a developer's own leaks into a test.
forget_settings() {
  local name
  while read -r name; do unset "$name" "${name}_FILE"; done < <(sed -n 's/^| `\([A-Z0-9_]*\)` |.*/\1/p' "$ROOT/docs/configuration.md")
  export MILLRACE_ENV_FILE=/dev/null
}

# Names in .env that are no settings, and so are not taken, are most likely spelled wrong.
warn_of_unknown_names() {
  local name
  parse_env "$ENV_FILE"
  for name in "${!ENV_LINES[@]}"; do
    is_setting "$name" \
      || echo "millrace: $ENV_FILE, line ${ENV_LINES[$name]}: $name is no variable of Millrace, the line is passed over" >&2
  done
}
