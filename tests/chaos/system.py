"""The system under test: engines and hosts by the shell functions of manifests/local, with proxies between the hosts and
PostgreSQL, ClickHouse and the wallet. Kafka names its own address to its clients, so nothing can stand before it."""
import json, os, pathlib, re, signal, subprocess, time, urllib.request
from proxy import Proxy

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
HOSTS = ("wallet", "relay", "recorder", "analytics", "ingress")
SECONDS = ("recorder2", "analytics2")  # join and leave the groups
ENGINES = ("postgres", "kafka", "clickhouse")


class Failed(Exception):
    pass


def port(name):
    return int(os.environ[f"WEIR_{name}_PORT"])


class System:
    def __init__(self, sabotage=None):
        self.sabotage = f"sabotage.{sabotage}=error:1+" if sabotage else None  # of every host, always
        self.work = pathlib.Path(os.environ["WEIR_LOCAL"]) / "tests" / "chaos"
        self.work.mkdir(parents=True, exist_ok=True)
        base = port("ANALYTICS_ADMIN") + 20
        for i, name in enumerate(SECONDS):
            os.environ[f"WEIR_{name.upper()}_ADMIN_PORT"] = str(base + i)
        os.environ["GRACE"] = "6s"  # longer than kafka-producer's timeout
        self.proxies = {"postgres": Proxy(base + 10, port("POSTGRES")), "clickhouse": Proxy(base + 11, port("CLICKHOUSE")),
                        "wallet": Proxy(base + 12, port("WALLET"))}
        self._confs()

    def _confs(self):
        """The shipped confs, with the proxies' addresses."""
        self.sh('rm -rf "$0/conf" && cp -r conf "$0/conf"', str(self.work))
        for path in (self.work / "conf").glob("*.conf"):
            text = path.read_text()
            for login, name in (("wallet", "WALLET_DB"), ("relay", "RELAY_DB"), ("recorder", "RECORDER_DB")):
                text = re.sub(rf"\$\{{{name}:-[^}}]*\}}", f"postgresql://{login}@127.0.0.1:{self.proxies['postgres'].port}/weir", text)
            text = re.sub(r"\$\{CLICKHOUSE:-[^}]*\}", f"http://127.0.0.1:{self.proxies['clickhouse'].port}", text)
            text = re.sub(r"\$\{WALLET:-[^}]*\}", f"127.0.0.1:{self.proxies['wallet'].port}", text)
            path.write_text(text)

    def sh(self, command, *args, check=True, failpoints=None):
        points = [p for p in (failpoints, self.sabotage) if p]
        r = subprocess.run(["bash", "-c", f". manifests/local/lib.sh; {command}", *args], cwd=TOP, text=True, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "WEIR_FAILPOINTS": ",".join(points)})
        if check and r.returncode:
            raise Failed(f"{command}: {r.stdout.strip()[-600:]}")
        return r.stdout

    def integration(self, command, check=True):
        """With what the integration tests share."""
        return self.sh(f"export TEST_NAME=chaos; . tests/integration/lib.sh; trap - EXIT; {command}", check=check)

    def fresh(self):
        self.integration("system_fresh")
        for name in HOSTS:
            self.start(name, wait=False)
        for name in HOSTS:
            self.sh("weir_wait $0 30", name)

    def start(self, name, wait=True, failpoints=None):
        """With failpoints it may be dead again at once."""
        self.sh("weir_start $0 $1", name, f"{self.work}/conf/{name.rstrip('2')}.conf", failpoints=failpoints)
        if wait and not failpoints:
            self.sh("weir_wait $0 30", name)

    def stop(self, name, how="TERM"):
        self.sh("weir_stop $0 $1", name, how)

    def alive(self, name):
        return self.sh("alive $0 && echo yes || true", name).strip() == "yes"

    def fired(self, name, point):
        return f"failpoint {point} fires" in self.sh("log_since_start $0", name)

    def end(self):
        for name in HOSTS[::-1] + SECONDS:
            for pid in self.pids(name):
                os.kill(pid, signal.SIGCONT)
            self.sh("weir_stop $0 || true", name)

    def pids(self, name):
        """Of a host or an engine, its children included."""
        pid = self.sh("pid_of $0 || true", name).strip()
        if not pid:
            return []
        below = self.sh("children $0", pid).split()
        return [int(p) for p in [pid] + below]

    def pg(self, query, database="weir"):
        r = subprocess.run(["psql", "-XAtq", f"postgresql://postgres@127.0.0.1:{port('POSTGRES')}/{database}", "-c", query],
                           capture_output=True, text=True)
        return r.stdout.strip() if r.returncode == 0 else None

    def ch(self, query):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port('CLICKHOUSE')}", query.encode(), timeout=5) as answer:
                return answer.read().decode().strip()
        except OSError:
            return None

    def stored(self, bet_id):
        return (self.pg(f"select count(*) from record.bets where bet_id = '{bet_id}'") == "1" and
                self.ch(f"select count() from weir.bets where bet_id = '{bet_id}'") == "1")

    def audit(self, seconds):
        """(what differs, its report); nothing differs when the first is empty."""
        path = self.work / "audit.json"
        path.unlink(missing_ok=True)
        text = self.integration(f'audit --wait {seconds} --json "{path}"', check=False)
        exact = path.exists() and json.loads(path.read_text()).get("exact", False)
        return exact, text

    def records(self, lines):
        """Raw records into the topic: partition, key, headers, value; see tests/integration/records.c."""
        r = subprocess.run([f"{os.environ['WEIR_BUILD']}/tests/weir-test-records", f"127.0.0.1:{port('KAFKA_PLAIN')}", "bets.placed"],
                           input="".join(line + "\n" for line in lines), text=True, capture_output=True)
        if r.returncode:
            raise Failed(f"weir-test-records: {r.stderr}")

    def wait(self, condition, seconds, what):
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                raise Failed(f"not within {seconds} s: {what}")
            time.sleep(0.05)
