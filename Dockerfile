# The image of shardd: one daemon, its operator's client, and the libraries these two load.
#
#   docker build -t shardd .
#   docker run --read-only -p 127.0.0.1:7400:7400 -v shardd-data:/var/lib/shardd shardd
#
# BASE may be pinned by digest; both stages use it, so the program runs with the libraries it was built with.
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS builder
WORKDIR /src
# What changes least comes first: the packages, then RocksDB, then shardd itself.
COPY deploy/install-deps deploy/
RUN deploy/install-deps build
COPY deploy/build-rocksdb deploy/
RUN SHARDD_CACHE=/opt/shardd-cache deploy/build-rocksdb
COPY . .
RUN cmake --preset release -DSHARDD_BENCHMARKS=OFF \
      -DSHARDD_ROCKSDB_ROOT="$(SHARDD_CACHE=/opt/shardd-cache deploy/build-rocksdb)" \
    && cmake --build build/release --target shardd shardctl
# The libraries that the two programs load, by the names of the packages that hold them.
RUN mkdir -p /out/bin \
    && strip -o /out/bin/shardd build/release/bin/shardd \
    && strip -o /out/bin/shardctl build/release/bin/shardctl \
    && deploy/runtime-packages /out/bin/shardd /out/bin/shardctl > /out/packages

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG SOURCE=unknown
ARG LICENSES=NOASSERTION
LABEL org.opencontainers.image.title="shardd" \
      org.opencontainers.image.description="Millions of small, durable, stateful accounts behind gRPC" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="${LICENSES}"
COPY --from=builder /out/packages /usr/local/share/shardd/packages
RUN apt-get update -qq \
    && xargs -a /usr/local/share/shardd/packages \
         env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log \
    && groupadd --gid 65532 shardd \
    && useradd -K UID_MAX=65532 --uid 65532 --gid 65532 --no-create-home --home-dir /var/lib/shardd --shell /usr/sbin/nologin shardd \
    && install -d -o 65532 -g 65532 -m 0750 /var/lib/shardd
COPY --from=builder /out/bin/ /usr/local/bin/

# A container is reached from outside or not at all; who may reach it is decided where its ports are published.
ENV SHARDD_STORAGE__DATA=/var/lib/shardd \
    SHARDD_SERVER__LISTEN=0.0.0.0:7400 \
    SHARDD_SERVER__HTTP_LISTEN=0.0.0.0:7401 \
    SHARDD_SERVER__INSECURE=true
USER 65532:65532
WORKDIR /var/lib/shardd
VOLUME /var/lib/shardd
EXPOSE 7400 7401
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["shardctl", "check", "ready", "--timeout", "2s"]
ENTRYPOINT ["shardd"]
