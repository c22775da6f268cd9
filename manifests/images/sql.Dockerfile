# What the SQL job runs: the schemas, and the two clients that apply them.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
RUN apt-get update -q \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends ca-certificates curl postgresql-client-15 \
    && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*.log /var/log/apt /usr/share/doc /usr/share/man /usr/share/locale
COPY manifests/sql /usr/share/weir/sql
COPY manifests/images/sql-job /usr/bin/sql-job
USER 65532:65532
ENTRYPOINT ["/usr/bin/sql-job"]
