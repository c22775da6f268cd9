# Stands in for grafana/k6: the same program, built from its Go module.
FROM debian:bookworm-slim
COPY --chmod=755 k6 /usr/bin/k6
RUN useradd -u 12345 k6
USER 12345
ENTRYPOINT ["k6"]
