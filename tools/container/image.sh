# Making the image; sourced by tools/compose.sh. Expects ROOT, RUN, ENGINE and die.

# Debian 12, with its package sources.
BASE=${MILLRACE_BASE_IMAGE:-debian:bookworm-slim}

# More options for every build, such as --network host or a proxy's --build-arg.
build() {
  local options
  read -ra options <<< "${MILLRACE_BUILD_OPTIONS:-}"
  "$ENGINE" build --build-arg BASE="$BASE" "${options[@]}" "$@"
}

# Programs of a build tree of this machine instead of compiling them in the image: the same last stage, around them.
# For tests; the machine must be the same Debian as the image's.
image_of_programs() {
  local context=$RUN/image
  rm -rf "$context" \
    && "$ROOT/tools/container/install.sh" "$MILLRACE_IMAGE_PROGRAMS" "$context" \
    && sed -e '/ AS build$/,/^$/d' -e 's#--from=build /out/##' "$ROOT/Dockerfile" > "$context/Dockerfile" \
    && build -t "$MILLRACE_IMAGE" "$context"
}

# Of the stage that compiles (2.3 GB) the last one is kept, for the next build, by a name; what it replaces goes.
image_of_sources() {
  build --build-arg JOBS="${JOBS:-}" --target build -t "$MILLRACE_IMAGE-build" "$ROOT" \
    && build --build-arg JOBS="${JOBS:-}" -t "$MILLRACE_IMAGE" "$ROOT" \
    && "$ENGINE" image prune -f --filter label=millrace.stage=build
}

# The image is built unless MILLRACE_IMAGE names one that is there.
build_image() {
  if [ -n "${MILLRACE_IMAGE:-}" ] && "$ENGINE" image inspect "$MILLRACE_IMAGE" >/dev/null 2>&1; then return; fi
  export MILLRACE_IMAGE=${MILLRACE_IMAGE:-millrace}
  if ! "$ENGINE" image inspect "$BASE" >/dev/null 2>&1 && ! "$ENGINE" pull "$BASE" >"$RUN/image.log" 2>&1; then
    tail -3 "$RUN/image.log" >&2
    die "the base image $BASE is not here and cannot be pulled" 69
  fi
  echo "Building the image $MILLRACE_IMAGE …"
  if [ -n "${MILLRACE_IMAGE_PROGRAMS:-}" ]; then image_of_programs; else image_of_sources; fi >"$RUN/image.log" 2>&1 \
    || { tail -40 "$RUN/image.log" >&2; die "the image could not be built (all of it: $RUN/image.log)"; }
}
