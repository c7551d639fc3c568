# syntax=docker/dockerfile:1
# The gateway as an image: docs/operations.md says how to run it.

# Bases by digest, so that the same text builds on the same ground. `docker buildx imagetools inspect rust:1-bookworm` tells the
# newest; renew both with every release, for the fixes that they bring.
FROM rust:1-bookworm@sha256:93ce27a88655056a51dbdd8f5f2d7ddc071c7b0070fb288a37b5a285fc83971e AS build
WORKDIR /build
ARG TARGETARCH
COPY Cargo.toml Cargo.lock clippy.toml rustfmt.toml ./
COPY .cargo .cargo
COPY migrations migrations
COPY crates crates
COPY apps apps
# The caches stay with the builder, so that the binary is copied out of the one that holds it.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked -p crm-gateway \
    && mkdir "/$TARGETARCH" \
    && strip --strip-debug -o "/$TARGETARCH/crm-gateway" target/release/crm-gateway

FROM debian:bookworm-slim@sha256:88200866dfff7ea7f5cbcb6ec7c8a701889efe6fe859fe64d6990e4b07ea4171
# Certificate authorities: for PostgreSQL with sslmode=verify-full, and for the key set of a token issuer.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin crm \
    && install -d -o crm -g crm -m 0700 /data
# By its architecture: a release gives the programs of both in place of that stage (.github/workflows/release.yml).
ARG TARGETARCH
COPY --from=build /${TARGETARCH}/crm-gateway /usr/local/bin/crm-gateway
COPY LICENSE-APACHE LICENSE-MIT /usr/share/doc/crm-gateway/
USER 10001
WORKDIR /data
# Where an SQLite database lives; unused with PostgreSQL.
VOLUME /data
ENV DATABASE_URL=sqlite:///data/crm.db \
    CRM_LISTEN=0.0.0.0:8080
EXPOSE 8080
# Above CRM_SHUTDOWN_TIMEOUT a container engine must wait before it kills: 30 s there, so 40 s in compose.yaml.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["crm-gateway", "healthcheck"]
ENTRYPOINT ["crm-gateway"]
CMD ["serve"]
