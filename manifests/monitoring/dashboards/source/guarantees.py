# What the system promises, as figures: nothing lost, nothing doubled, and what still has to arrive.
UID, TITLE = "weir-guarantees", "Guarantees"
ABOUT = "No debit without an event, no event without a debit, each bet once in both stores. weir-audit proves it row by row; this watches it."
I = "[$__rate_interval]"
WELL = "0 when all is well. "
ZERO = [{"color": "green", "value": None}, {"color": "red", "value": 1}]
FEW = [{"color": "green", "value": None}, {"color": "orange", "value": 1000}, {"color": "red", "value": 10000}]

ROWS = [
    ("Now", [
        panel("Counts that do not add up", "short", [("sum(abs(weir:sink_difference:events)) - sum(clamp_max(weir:stage_in_flight:events, 0))", "events")],
              WELL + "Settled as stored but not counted as stored, or settled more often than received.", kind="stat", steps=ZERO),
        panel("Accepted, not known to be in Kafka", "short", [("weir:backlog_events:max", "events")],
              "Safe in the ledger, on their way. The wallet looks when it debits: without bets the figure stays.", kind="stat", steps=FEW),
        panel("In Kafka, not in a store", "short", [("sum(weir:consumer_lag_events:sum)", "events")], "Lag of both consumers.", kind="stat", steps=FEW),
        panel("Targets that Prometheus does not reach", "short", [("count(up) - sum(up)", "targets")], WELL, kind="stat", steps=ZERO),
    ]),
    ("Conservation", [
        panel("The same bets at each hop", "ops", [
            ("weir:bets_accepted:rate1m", "accepted"), ('sum(rate(kafka_topic_messagesin_total{topic="bets.placed"}[1m]))', "into the topic"),
            ("sum(rate(weir_pg_sink_rows_total[1m]))", "new in PostgreSQL"), ("sum(rate(weir_ch_sink_rows_total[1m]))", "to ClickHouse")],
              "Lines that part for long: look at what waits, below. The topic and ClickHouse also get copies."),
        panel("In flight inside stages", "short", [("sum by (pipeline, stage) (weir:stage_in_flight:events)", "{{pipeline}}/{{stage}}")],
              "Events in, less events settled, since the process started. Never below 0; back to 0 without load.", min=None),
        panel("Sinks: settled as stored, less counted as stored", "short", [("weir:sink_difference:events", "{{pipeline}}/{{stage}}")], WELL, min=None),
        panel("Ends of the topic", "short", [('sum(max by (partition) (kafka_log_logendoffset{topic="bets.placed"}))', "events written, copies included")]),
    ]),
    ("What waits", [
        panel("Accepted, not known to be in Kafka", "short", [("weir:backlog_events:max", "ledger's backlog"), ("weir:unconfirmed_events:sum", "sent, not confirmed")]),
        panel("Confirmed and repaired", "ops", [(f"sum(rate(weir_wallet_ledger_confirmed_total{I}))", "confirmed by the ingress"),
                                                (f"sum(rate(weir_ledger_relay_emitted_total{I}))", "published by the relay")],
              "Mostly 0: published by the relay."),
        panel("Behind the topic", "short", [("weir:consumer_lag_events:sum", "{{pipeline}}")]),
        panel("Age of a bet when durable, p99", "s", [("weir:event_age_seconds:p99_1m", "{{pipeline}}/{{stage}}")]),
    ]),
    ("Repeats: harmless, but work", [
        panel("Copies in the topic, as PostgreSQL finds them", "percentunit", [("weir:repeats:ratio5m", "of all events")]),
        panel("Copies dropped", "ops", [(f"sum(rate(weir_pg_sink_repeats_total{I}))", "rows, PostgreSQL"),
                                        (f"sum(rate(ClickHouseProfileEvents_DuplicatedInsertedBlocks{I}))", "blocks, ClickHouse")], WELL),
        panel("Bets that players sent again", "ops", [(f'sum(rate(weir_settled_total{{plugin="wallet-client",outcome="replayed"}}{I}))', "answered as before"),
                                                      (f"sum(rate(weir_wallet_client_late_replies_total{I}))", "accepted after a 503")],
              "A bet_id is debited once; again gets the first answer. Mostly 0: accepted after a 503."),
        panel("Events emitted again", "ops", [(f"sum(rate(weir_ledger_relay_again_total{I}))", "relay"),
                                              (f"sum by (pipeline) (rate(weir_kafka_consumer_repeats_total{I}))", "{{pipeline}}")], WELL),
    ]),
    ("Retries", [
        panel("By stage", "ops", [("weir:retries:rate1m", "{{pipeline}}/{{stage}}")], WELL),
        panel("Left to the relay", "ops", [("weir:left_to_relay:rate1m", "events")], WELL),
        panel("Offsets not committed, producers and streams renewed", "ops", [
            (f"sum(rate(weir_kafka_consumer_commit_errors_total{I}))", "commits failed"), (f"sum(rate(weir_kafka_producer_restarts_total{I}))", "producers"),
            (f"sum(rate(weir_wallet_client_reconnects_total{I}))", "streams to a wallet")], WELL),
        alerts("Alerts"),
    ]),
]
