# The agent that shows Kafka's own figures to Prometheus; its pod copies the jar from here (manifests/base/monitoring/kafka-agent).
ARG BASE=debian:bookworm-slim
FROM ${BASE} AS jar
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends maven openjdk-17-jre-headless
RUN mvn -q -B dependency:copy -Dartifact=io.prometheus.jmx:jmx_prometheus_javaagent:1.0.1 -DoutputDirectory=/jar

FROM ${BASE}
COPY --from=jar /jar/*.jar /agent.jar
USER 65532:65532
