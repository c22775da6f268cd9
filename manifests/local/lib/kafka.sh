# Apache Kafka, broker and controller in one (KRaft): SCRAM-SHA-256 for the weir hosts, a plain listener for tools.
# The version stands in kafka-pom.xml. A Kafka of your own: KAFKA_HOME, the folder with libs/ in it. With a proxy before it:
# WEIR_KAFKA_ADVERTISED_PORT, where it sends its clients.
KAFKA_VERSION=$(sed -nE '/kafka_2/,/version/ s/.*<version>(.*)<\/version>/\1/p' "$LOCAL_DIR/kafka-pom.xml")
KAFKA_JARS=$WEIR_CACHE/kafka-$KAFKA_VERSION
KAFKA_DIR=$WEIR_LOCAL/kafka
KAFKA_USER=${KAFKA_USER:-weir}

kafka_ports() {
  echo "$WEIR_KAFKA_PORT WEIR_KAFKA_PORT"
  echo "$WEIR_KAFKA_CONTROLLER_PORT WEIR_KAFKA_CONTROLLER_PORT"
  echo "$WEIR_KAFKA_PLAIN_PORT WEIR_KAFKA_PLAIN_PORT"
  [ ! -e "$JMX_JAR" ] || echo "$WEIR_KAFKA_METRICS_PORT WEIR_KAFKA_METRICS_PORT"
}
kafka_brokers() { echo "127.0.0.1:$WEIR_KAFKA_PORT"; }
kafka_plain() { echo "127.0.0.1:$WEIR_KAFKA_PLAIN_PORT"; }
kafka_libs() { local d; for d in ${KAFKA_HOME:+"$KAFKA_HOME/libs"} "$KAFKA_JARS"; do [ ! -d "$d" ] || { echo "$d"; return; }; done; }

kafka_install() {
  [ -n "$(kafka_libs)" ] || {
    place_room "$WEIR_CACHE" 300 Kafka WEIR_CACHE
    step kafka "Kafka $KAFKA_VERSION from Maven Central, 55 MB" "40 s" kafka_fetch
  }
}
kafka_fetch() {
  local work=$KAFKA_JARS.new.$$
  mkdir -p "$work"
  cp "$LOCAL_DIR/kafka-pom.xml" "$work/pom.xml"
  (cd "$work" && mvn -q -B dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$work/libs")
  mv -T "$work/libs" "$KAFKA_JARS" || [ -d "$KAFKA_JARS" ]
  rm -rf "$work"
}

# Written at every start, so that a changed port counts; the password is made once and lives in the metadata.
kafka_configure() {
  local etc=$KAFKA_DIR/etc password
  mkdir -p "$etc"
  password=$(secret kafka-password)
  kafka_write_server >"$etc/server.properties"
  kafka_write_log >"$etc/log4j2.properties"
  (umask 077 && kafka_write_client "$password" >"$etc/client.properties")
  [ -e "$KAFKA_DIR/data/meta.properties" ] && return
  place_room "$WEIR_LOCAL" 2000 "Kafka's data"
  kafka_tool kafka.tools.StorageTool format --standalone -t "$(kafka_tool kafka.tools.StorageTool random-uuid 2>/dev/null)" \
    -c "$etc/server.properties" --add-scram "SCRAM-SHA-256=[name=$KAFKA_USER,password=$password]" >>"$LOGS/kafka.log" 2>&1 ||
    die "Kafka's data folder could not be made: $LOGS/kafka.log"
}

kafka_write_server() {
  cat <<-P
	process.roles=broker,controller
	node.id=1
	controller.quorum.bootstrap.servers=127.0.0.1:$WEIR_KAFKA_CONTROLLER_PORT
	listeners=SASL_PLAINTEXT://127.0.0.1:$WEIR_KAFKA_PORT,CONTROLLER://127.0.0.1:$WEIR_KAFKA_CONTROLLER_PORT,INTERNAL://127.0.0.1:$WEIR_KAFKA_PLAIN_PORT
	advertised.listeners=SASL_PLAINTEXT://127.0.0.1:${WEIR_KAFKA_ADVERTISED_PORT:-$WEIR_KAFKA_PORT},CONTROLLER://127.0.0.1:$WEIR_KAFKA_CONTROLLER_PORT,INTERNAL://127.0.0.1:$WEIR_KAFKA_PLAIN_PORT
	listener.security.protocol.map=SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT
	inter.broker.listener.name=INTERNAL
	controller.listener.names=CONTROLLER
	sasl.enabled.mechanisms=SCRAM-SHA-256
	# needed even though the users are in the metadata
	listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
	log.dirs=$KAFKA_DIR/data
	auto.create.topics.enable=false
	offsets.topic.replication.factor=1
	offsets.topic.num.partitions=8
	transaction.state.log.replication.factor=1
	transaction.state.log.min.isr=1
	share.coordinator.state.topic.replication.factor=1
	share.coordinator.state.topic.min.isr=1
	group.initial.rebalance.delay.ms=0
	# after kill -9 a broker waits for its old session to end: 5 s to start instead of 13 s
	broker.session.timeout.ms=3000
	broker.heartbeat.interval.ms=1000
	P
}
kafka_write_log() {
  cat <<-P
	status=error
	appender.out.type=Console
	appender.out.name=out
	appender.out.layout.type=PatternLayout
	appender.out.layout.pattern=[%d] %p %m (%c)%n
	rootLogger.level=warn
	rootLogger.appenderRef.out.ref=out
	logger.server.name=kafka.server.KafkaRaftServer
	logger.server.level=info
	P
}
kafka_write_client() {
  cat <<-P
	security.protocol=SASL_PLAINTEXT
	sasl.mechanism=SCRAM-SHA-256
	sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="$KAFKA_USER" password="$1";
	P
}

# TieredStopAtLevel=1: on two cores Java's second compiler takes more than it gives in a broker's first minutes.
kafka_run() {
  local agent=''
  [ ! -e "$JMX_JAR" ] || agent=-javaagent:$JMX_JAR=127.0.0.1:$WEIR_KAFKA_METRICS_PORT:$MONITORING/kafka-jmx.yml
  start kafka java -Xms256m "-Xmx${WEIR_KAFKA_HEAP:-1g}" -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 -XX:TieredStopAtLevel=1 \
    ${agent:+"$agent"} -Djava.awt.headless=true -Dlog4j2.configurationFile="$KAFKA_DIR/etc/log4j2.properties" \
    -cp "$KAFKA_DIR/etc:$(kafka_libs)/*" kafka.Kafka "$KAFKA_DIR/etc/server.properties"
}
# Its ports open before it is let in by its controller, so the log is the one to ask.
kafka_ready() { log_since_start kafka | grep -q 'Kafka Server started' && port_taken "$WEIR_KAFKA_PLAIN_PORT"; }

# kafka_tool CLASS ARGS...: one of Kafka's own command line tools, by its class.
kafka_tool() {
  java -Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dlog4j2.level=error \
    -cp "$KAFKA_DIR/etc:$(kafka_libs)/*" "$@"
}
# kafka_topics ARGS...: kafka-topics.sh on the plain listener.
kafka_topics() { kafka_tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$(kafka_plain)" "$@"; }

# kafka_topic NAME PARTITIONS [ARGS...]: makes it unless it is there.
kafka_topic() { kafka_topics --create --if-not-exists --topic "$1" --partitions "$2" "${@:3}"; }
