# Prometheus' agent for Kafka, to be copied into the broker's pod by an init container.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
ARG VERSION=1.0.1
ADD --chmod=0644 https://repo1.maven.org/maven2/io/prometheus/jmx/jmx_prometheus_javaagent/${VERSION}/jmx_prometheus_javaagent-${VERSION}.jar /agent.jar
USER 65532:65532
CMD ["cp", "/agent.jar", "/agent/agent.jar"]
