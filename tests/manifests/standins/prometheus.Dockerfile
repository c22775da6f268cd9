# Stands in for prom/prometheus: the same program, built from its Go module, since Debian's cannot ask Kubernetes for pods.
FROM debian:bookworm-slim
COPY --chmod=755 prometheus /bin/prometheus
USER 65534
