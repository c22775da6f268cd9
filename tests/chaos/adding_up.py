"""When nothing moves, the counts must add up: the rules of manifests/monitoring/rules/recording.yml on one host's metrics,
and the aggregates by minute that ClickHouse is shipped with against the rows of PostgreSQL."""
import collections, re, time

SOURCES = {"http-ingress", "grpc-ingress", "kafka-consumer", "ledger-relay", "generator"}
LINE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")


def parse(text):
    """{name: [(labels, value)]}"""
    found = collections.defaultdict(list)
    for line in text.splitlines():
        if m := LINE.match(line):
            found[m[1]].append((dict(re.findall(r'(\w+)="([^"]*)"', m[2] or "")), float(m[3])))
    return found


def total(metrics, name, **labels):
    return sum(v for have, v in metrics[name] if labels.items() <= have.items())


def differences(text):
    """What a host has in flight, and what its counts lack, as (what, number)."""
    m = parse(text)
    yield "in the window", total(m, "weir_window_events")
    yield "in, not out", total(m, "weir_events_in_total") - total(m, "weir_events_out_total")
    if m["weir_kafka_consumer_dead_letters_total"]:  # its own refusals of records are letters, too, and no events
        letters = total(m, "weir_kafka_consumer_dead_letters_total")
        yield "rejected, and no dead letter", max(0, total(m, "weir_events_out_total", status="reject") - letters)
    for stage, plugin in sorted({(l["stage"], l["plugin"]) for l, _ in m["weir_events_total"] if l["plugin"] not in SOURCES}):
        settled = total(m, "weir_settled_total", stage=stage)
        yield f"in {stage}, neither settled nor handed on", (total(m, "weir_events_total", stage=stage) - settled -
                                                             total(m, "weir_forwarded_total", stage=stage))
        done = total(m, "weir_settled_total", stage=stage, status="ok")
        if plugin in ("pg-sink", "ch-sink"):
            name = plugin.replace("-", "_")
            yield f"{stage} settled what it has not stored", (done - total(m, f"weir_{name}_rows_total") -
                                                              total(m, f"weir_{name}_repeats_total"))


def at_rest(ask, host):
    """Asked again for a while: what was in flight may still be on its way."""
    until = time.monotonic() + 15
    while True:
        try:
            wrong = [f"{host}: {what}: {n:g}\n" for what, n in differences(ask()) if n]
        except OSError as e:
            wrong = [f"{host}: {e}\n"]
        if not wrong or time.monotonic() > until:
            return "".join(wrong)
        time.sleep(0.2)


def aggregates(system):
    system.ch("system refresh view weir.bets_by_minute")
    system.ch("system wait view weir.bets_by_minute")
    analysed = system.ch("select toUnixTimestamp(minute), sum(bets), sum(stake_minor) from weir.bets_by_minute group by minute order by minute")
    recorded = system.pg("select extract(epoch from date_trunc('minute', accepted_at))::bigint, count(*), sum(stake_minor) from record.bets "
                         "group by 1 order by 1")
    if analysed is None or recorded is None:
        return "aggregates: a store does not answer\n"
    analysed, recorded = ([line.replace("|", "\t") for line in text.splitlines()] for text in (analysed, recorded))
    return "".join(f"minute in {'ClickHouse' if line in analysed else 'PostgreSQL'} alone: {line}\n"
                   for line in sorted(set(analysed) ^ set(recorded)))
