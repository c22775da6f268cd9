# Holds the place of grafana/grafana, which is in no package registry: it answers the probes with 200 and does nothing else.
FROM debian:bookworm-slim
COPY --chmod=755 grafana-place /usr/share/grafana/bin/grafana
USER 472
ENTRYPOINT ["/usr/share/grafana/bin/grafana"]
