#!/bin/bash
# Before a broker starts: its own configuration, the tools' login, and a formatted data folder. Safe to run again.
# Environment: kafka.env, POD, NAMESPACE, KAFKA_PASSWORD (user weir), KAFKA_INTERNAL_PASSWORD (among brokers).
set -euo pipefail
id=${POD##*-} run=/run/kafka conf=/etc/weir-kafka
case $KAFKA_PASSWORD$KAFKA_INTERNAL_PASSWORD in
  *[!A-Za-z0-9_.-]*) echo "prepare: Kafka's passwords may have letters, digits and _ . - only" >&2; exit 1 ;;
esac
host() { echo "kafka-$1.kafka-brokers.$NAMESPACE.svc.cluster.local"; }
voters=
for ((i = 0; i < NODES; i++)); do voters+=${voters:+,}$i@$(host "$i"):9093; done
plain="org.apache.kafka.common.security.plain.PlainLoginModule required username=\"broker\" password=\"$KAFKA_INTERNAL_PASSWORD\" user_broker=\"$KAFKA_INTERNAL_PASSWORD\";"
umask 077
{
  cat $conf/server.properties
  echo "node.id=$id"
  echo "controller.quorum.voters=$voters"
  echo "advertised.listeners=CLIENT://$(host "$id"):9092,OUTSIDE://$OUTSIDE,INTERNAL://$(host "$id"):9094"
  echo "listener.name.internal.plain.sasl.jaas.config=$plain"
  echo "listener.name.controller.plain.sasl.jaas.config=$plain"
  for topic in offsets.topic transaction.state.log share.coordinator.state.topic; do echo "$topic.replication.factor=$REPLICAS"; done
  for topic in transaction.state.log share.coordinator.state.topic; do echo "$topic.min.isr=$MIN_ISR"; done
  echo "default.replication.factor=$REPLICAS"
  echo "min.insync.replicas=$MIN_ISR"
} >$run/server.properties
sed "s/\"PASSWORD\"/\"$KAFKA_PASSWORD\"/" $conf/client.properties >$run/client.properties
# The login is made now: with it in the first metadata no listener without a login is ever needed.
/opt/kafka/bin/kafka-storage.sh format --ignore-formatted --cluster-id "$CLUSTER_ID" --config $run/server.properties \
  --add-scram "SCRAM-SHA-256=[name=weir,password=$KAFKA_PASSWORD]"
