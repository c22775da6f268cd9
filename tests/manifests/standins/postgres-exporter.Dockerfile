# Stands in for prometheuscommunity/postgres-exporter: Debian's own package under the official path.
FROM debian:bookworm-slim
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends prometheus-postgres-exporter \
    && rm -rf /var/lib/apt/lists/* && ln -s prometheus-postgres-exporter /usr/bin/postgres_exporter
USER 65534
ENTRYPOINT ["/bin/postgres_exporter"]
