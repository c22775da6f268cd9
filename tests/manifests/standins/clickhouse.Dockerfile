# Stands in for clickhouse/clickhouse-server: ClickHouse's engine as a library, served by chserve (manifests/local).
FROM debian:bookworm-slim
RUN groupadd -g 101 clickhouse && useradd -u 101 -g 101 -d /var/lib/clickhouse clickhouse
COPY libchdb.so chserve /usr/lib/clickhouse/
COPY --chmod=755 clickhouse-server /usr/bin/clickhouse-server
