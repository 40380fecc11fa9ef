# One image with all services; a container runs one of them: `docker run … millrace millrace-ingest`.
# Needs nothing of BuildKit. Build arguments: BASE, JOBS (parallel compilations; empty: one per core).
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
# By which ./millrace compose finds the stages of former builds.
LABEL millrace.stage=build
COPY tools/packages.txt /src/tools/packages.txt
RUN apt-get update \
 && sed -n 's/^build //p' /src/tools/packages.txt \
    | DEBIAN_FRONTEND=noninteractive xargs apt-get install -y -qq --no-install-recommends >/dev/null \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
ARG JOBS=
# npm packages that this machine has already come with the sources, if they are those of the lock file: the image builds
# behind a firewall too.
RUN bash -c 'ROOT=/src; . tools/millrace/build.sh; need_npm services/api/web'
RUN cmake --preset release -DMILLRACE_TESTS=OFF \
 && ninja -C build/release ${JOBS:+-j$JOBS} programs \
 && tools/container/install.sh build/release /out

FROM ${BASE}
# The packages that the programs were linked against, and no others.
COPY --from=build /out/packages /usr/local/share/millrace/packages
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive xargs apt-get install -y -qq --no-install-recommends \
    < /usr/local/share/millrace/packages >/dev/null \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 millrace \
 && useradd --uid 10001 --gid millrace --no-create-home --home-dir /var/lib/millrace --shell /usr/sbin/nologin millrace \
 && install -d -m 0700 -o millrace -g millrace \
    /var/lib/millrace /var/lib/millrace/data /var/lib/millrace/media /var/lib/millrace/run /run/millrace
COPY --from=build /out/bin/ /usr/local/bin/
COPY --from=build /out/web/ /usr/local/share/millrace/web/
ENV MILLRACE_HOME=/var/lib/millrace \
    MEDIA_LOG_DIR=/run/millrace/log \
    BUS_DIR=/run/millrace/bus \
    WEB_ROOT=/usr/local/share/millrace/web \
    LOG_FORMAT=json
USER 10001:10001
WORKDIR /var/lib/millrace
STOPSIGNAL SIGTERM
