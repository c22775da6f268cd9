# Stands in for apache/kafka where no registry can be reached: the same paths, the same version from Maven Central.
FROM debian:bookworm-slim
RUN apt-get update -q && mkdir -p /usr/share/man/man1 \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends openjdk-17-jre-headless \
    && rm -rf /var/lib/apt/lists/* && useradd -u 1000 appuser
COPY libs /opt/kafka/libs
COPY --chmod=755 kafka-run /opt/kafka/bin/kafka-run
RUN cd /opt/kafka/bin && for name in server-start storage topics console-producer console-consumer consumer-groups metadata-quorum configs; do \
      ln -s kafka-run kafka-$name.sh; done
USER appuser
