# One weir process, stage by stage.
UID, TITLE = "weir-one-host", "One host"
ABOUT = "Any weir host, whatever its conf: each of its stages, its window, its process."
I = "[$__rate_interval]"
H = 'instance=~"$host"'
WELL = "0 when all is well. "
STATES = {"1": ("ready", "green"), "2": ("starting", "blue"), "3": ("drained", "purple"), "4": ("degraded", "orange"), "5": ("failed", "red")}
NUMBER = {"ready": 1, "starting": 2, "drained": 3, "degraded": 4, "failed": 5}

VARIABLES = [{
    "type": "query", "name": "host", "label": "Host", "datasource": DATA,
    "query": {"query": "label_values(weir_build_info, instance)", "refId": "host"}, "refresh": 2, "sort": 1, "multi": False, "includeAll": False,
    "regex": "", "skipUrlSync": False, "hide": 0,
}]


def quantile(q, metric):
    return (f"histogram_quantile({q}, sum by (le, pipeline, stage) (rate({metric}_bucket{{{H}}}{I})))", f"{{{{stage}}}} p{round(q * 100)}")


ROWS = [
    ("Stages", [
        panel("Events into each stage (of a source: out of it)", "ops", [(f"sum by (pipeline, stage) (rate(weir_events_total{{{H}}}{I}))", "{{stage}}")]),
        panel("Settled, by what became of them", "ops",
              [(f"sum by (stage, status, outcome) (rate(weir_settled_total{{{H}}}{I}))", "{{stage}} {{status}} {{outcome}}")]),
        panel("Time of a push into a stage", "s", [quantile(0.5, "weir_stage_seconds"), quantile(0.99, "weir_stage_seconds")],
              "How long a stage keeps its lane; not how long an event takes."),
        panel("What an event costs in each stage", "s",
              [(f"sum by (pipeline, stage) (rate(weir_stage_busy_seconds_total{{{H}}}{I})) / sum by (pipeline, stage) (rate(weir_events_total{{{H}}}{I}))",
                "{{stage}}")], "Time of all calls into the stage, over its events."),
        panel("Settled, but not ok", "ops", [(f'sum by (stage, status) (rate(weir_settled_total{{{H},status!="ok"}}{I}))', "{{stage}} {{status}}")], WELL),
    ]),
    ("State and window", [
        panel("State of each stage, the worst of its lanes", "short",
              [(f"max by (pipeline, stage) ("
                + " or ".join(f'{n} * (weir_stage_state{{{H},state="{s}"}} > bool 0)' for s, n in NUMBER.items()) + ")", "{{stage}}")],
              "/status says why and since when.", kind="state-timeline",
              mappings=[{"type": "value", "options": {k: {"text": t, "color": c, "index": i} for i, (k, (t, c)) in enumerate(STATES.items())}}]),
        panel("Events in flight", "short", [(f"sum by (pipeline) (weir_window_events{{{H}}})", "{{pipeline}}: out of the source, not settled"),
                                            (f"sum by (pipeline, stage) (weir:stage_in_flight:events{{{H}}})", "in {{stage}}")]),
        panel("Bytes in flight", "bytes", [(f"sum by (pipeline) (weir_window_bytes{{{H}}})", "{{pipeline}}")]),
        panel("Stalls", "ops", [(f"sum by (pipeline, stage) (rate(weir_stage_stalls_total{{{H}}}{I}))", "{{pipeline}}/{{stage}}")],
              WELL + "A stage kept its lane longer than `watchdog`, or the machine had no time for it."),
    ]),
    ("Process", [
        panel("CPU", "short", [(f"sum by (instance) (rate(process_cpu_seconds_total{{{H},job=\"weir\"}}{I}))", "cores")]),
        panel("Resident memory", "bytes", [(f"process_resident_memory_bytes{{{H},job=\"weir\"}}", "{{instance}}")]),
        panel("Threads and files", "short", [(f"process_threads{{{H},job=\"weir\"}}", "threads"), (f"process_open_fds{{{H},job=\"weir\"}}", "open files")]),
        panel("Running for", "s", [(f"time() - process_start_time_seconds{{{H},job=\"weir\"}}", "{{instance}}")]),
    ]),
]
