# The way of a bet, one row a hop: from the players to both stores.
UID, TITLE = "weir-bets-way", "The bet's way"
ABOUT = "One row a hop, in the order in which a bet passes them: rate, latency, errors, what waits, how old it is."
I = "[$__rate_interval]"
WELL = "0 when all is well. "
K6 = "Empty unless k6 runs. "


def quantiles(metric, by="", where=""):
    keys = f"le{', ' + by if by else ''}"
    name = f" {{{{{by}}}}}" if by else ""
    return [(f"histogram_quantile({q}, sum by ({keys}) (rate({metric}_bucket{where}{I})))", f"p{round(q * 100)}{name}") for q in (0.5, 0.99)]


ROWS = [
    ("Players: k6, while it runs", [
        panel("Bets", "ops", [(f"sum(rate(k6_bets_accepted_total{I}))", "accepted"), (f"sum(rate(k6_http_reqs_total{I}))", "all requests")], K6),
        panel("Answer to a bet", "s", [("max(k6_bet_answer_p50)", "p50"), ("max(k6_bet_answer_p95)", "p95"), ("max(k6_bet_answer_p99)", "p99")],
              K6 + "Since k6 started, as the players see it."),
        panel("No good answer", "ops", [(f'sum(rate(k6_http_reqs_total{{status=~"5..|0"}}{I})) or 0 * sum(k6_vus)', "5xx or none")], K6 + WELL),
        panel("Players", "short", [("sum(k6_vus)", "betting"), ("sum(k6_vus_max)", "there")], K6),
    ]),
    ("Ingress: HTTP", [
        panel("Requests", "ops", [("weir:requests:rate1m", "{{route}}"), ("weir:bets_accepted:rate1m", "bets accepted")]),
        panel("Time of a request to place a bet", "s", quantiles("weir_http_ingress_request_seconds", where='{route="place-bet"}')),
        panel("503 by reason", "ops", [(f"sum by (reason) (rate(weir_http_ingress_unavailable_total{I}))", "{{reason}}")],
              WELL + "None of these took money twice: the player repeats."),
        panel("Waiting", "short", [("sum(weir_http_ingress_connections)", "connections"), ('sum(weir_window_events{pipeline=~".*ingress.*"})', "requests in flight")]),
    ]),
    ("Wallet, seen from the ingress: gRPC", [
        panel("Calls", "ops", [(f"sum by (method) (rate(weir_wallet_client_call_seconds_count{I}))", "{{method}}")]),
        panel("Time of a debit", "s", quantiles("weir_wallet_client_call_seconds", where='{method="debit"}')),
        panel("Outcomes other than accepted", "ops",
              [(f'sum by (outcome) (rate(weir_settled_total{{plugin="wallet-client",outcome!~"|accepted"}}{I}))', "{{outcome}}")],
              "insufficient-funds and replayed are answers; unknown and not-executed are 503."),
        panel("Sent on, not confirmed", "short", [("weir:unconfirmed_events:sum", "events"), ("sum(weir_wallet_client_ready_streams)", "streams to wallets")]),
    ]),
    ("Ledger: wallet and PostgreSQL", [
        panel("Transactions", "ops", [(f"sum(rate(weir_wallet_ledger_transactions_total{I}))", "ledger"),
                                      (f'sum(rate(pg_stat_database_xact_commit{{datname="weir"}}{I}))', "all of the database")]),
        panel("Time of a transaction", "s", quantiles("weir_wallet_ledger_transaction_seconds")),
        panel("Run again, refused, unknown", "ops", [
            (f"sum(rate(weir_wallet_ledger_reruns_total{I}))", "run again"),
            (f'sum by (status) (rate(weir_settled_total{{plugin="wallet-ledger",status!="ok"}}{I}))', "{{status}}"),
            (f"sum(rate(pg_stat_database_deadlocks{I}))", "deadlocks")], WELL),
        panel("Accepted, not known to be in Kafka", "short", [("weir:backlog_events:max", "events")],
              "The wallet looks when it debits: without bets the figure stays."),
    ]),
    ("Kafka", [
        panel("Events", "ops", [(f'sum by (pipeline) (rate(weir_settled_total{{plugin="kafka-producer",status="ok"}}{I}))', "delivered by {{pipeline}}"),
                                (f'sum(rate(kafka_topic_messagesin_total{{topic="bets.placed"}}{I}))', "in the topic")],
              "What the relay delivers had not been confirmed in time: repairs, or copies."),
        panel("Time of a delivery", "s", quantiles("weir_kafka_producer_delivery_seconds") +
              [('max(kafka_request_p99_milliseconds{request="Produce"}) / 1000', "p99 in the broker")]),
        panel("Not delivered, left to the relay", "ops", [
            (f'sum by (pipeline) (rate(weir_settled_total{{plugin="kafka-producer",status!="ok"}}{I}))', "not delivered by {{pipeline}}"),
            ("weir:left_to_relay:rate1m", "left to the relay"), (f"sum(rate(kafka_broker_failedproducerequests_total{I}))", "refused by a broker")], WELL),
        panel("Waiting and age", "s", [('weir:event_age_seconds:p99_1m{plugin="kafka-producer"}', "p99 of the age, {{pipeline}}")],
              "Age: from the bet's acceptance until Kafka had it."),
    ]),
    ("Recorder: PostgreSQL", [
        panel("Rows", "ops", [(f"sum(rate(weir_pg_sink_rows_total{I}))", "new"), (f"sum(rate(weir_pg_sink_repeats_total{I}))", "there already")],
              "Mostly 0: there already."),
        panel("Time of a transaction", "s", quantiles("weir_pg_sink_transaction_seconds")),
        panel("Retries", "ops", [(f"sum(rate(weir_pg_sink_retries_total{I}))", "transactions"),
                                 (f'sum(rate(weir_settled_total{{plugin="pg-sink",status!="ok"}}{I}))', "events not stored")], WELL),
        panel("Behind the topic", "short", [('sum by (pipeline) (weir_kafka_consumer_lag_events and on (pipeline) weir_pg_sink_rows_total)', "{{pipeline}}: events")]),
        panel("Age of a bet in PostgreSQL", "s", quantiles("weir_event_age_seconds", where='{plugin="pg-sink"}'), "From its acceptance until it was durable here."),
    ]),
    ("Analytics: ClickHouse", [
        panel("Rows", "ops", [(f"sum(rate(weir_ch_sink_rows_total{I}))", "sent"),
                              (f"sum(rate(ClickHouseProfileEvents_InsertedRows{I}))", "written by the server, its own tables and merges included")]),
        panel("Time of an INSERT", "s", quantiles("weir_ch_sink_insert_seconds")),
        panel("Retries and refusals", "ops", [(f"sum(rate(weir_ch_sink_retries_total{I}))", "blocks again"),
                                              (f"sum(rate(ClickHouseProfileEvents_RejectedInserts{I}))", "too many parts"),
                                              (f"sum(rate(ClickHouseProfileEvents_FailedInsertQuery{I}))", "failed")], WELL),
        panel("Behind the topic", "short", [('sum by (pipeline) (weir_kafka_consumer_lag_events and on (pipeline) weir_ch_sink_rows_total)', "{{pipeline}}: events"),
                                            ("sum(ClickHouseMetrics_PartsActive)", "parts on disk")]),
        panel("Age of a bet in ClickHouse", "s", quantiles("weir_event_age_seconds", where='{plugin="ch-sink"}'), "From its acceptance until it was durable here."),
    ]),
]
