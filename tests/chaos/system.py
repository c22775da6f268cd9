"""The system under test: engines and hosts by the shell functions of manifests/local, with proxies between the hosts and
PostgreSQL, ClickHouse, the wallet and Kafka."""
import json, os, pathlib, re, shutil, signal, struct, subprocess, time, urllib.parse, urllib.request
import adding_up
from proxy import Proxy

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
HOSTS = ("wallet", "relay", "recorder", "analytics", "ingress")
SECONDS = ("recorder2", "analytics2")  # join and leave the groups
ENGINES = ("postgres", "kafka", "clickhouse")
OVERSIZED = 12_000_000  # what the topics take, so that what is too large for the hosts can come in at all


class Failed(Exception):
    pass


def port(name):
    return int(os.environ[f"WEIR_{name}_PORT"])


class System:
    def __init__(self, sabotage=None):
        self.sabotage = f"sabotage.{sabotage}=error:1+" if sabotage else None  # of every host, always
        self.local = pathlib.Path(os.environ["WEIR_LOCAL"])
        self.work = self.local / "tests" / "chaos"
        self.work.mkdir(parents=True, exist_ok=True)
        base = port("ANALYTICS_ADMIN") + 20
        for i, name in enumerate(SECONDS):
            os.environ[f"WEIR_{name.upper()}_ADMIN_PORT"] = str(base + i)
        os.environ["GRACE"] = "6s"  # longer than kafka-producer's timeout
        os.environ["WEIR_KAFKA_ADVERTISED_PORT"] = str(base + 13)
        self.proxies = {"postgres": Proxy(base + 10, port("POSTGRES")), "clickhouse": Proxy(base + 11, port("CLICKHOUSE")),
                        "wallet": Proxy(base + 12, port("WALLET")), "kafka": Proxy(base + 13, port("KAFKA"))}
        self._confs()
        # Debian's psql is a script that looks for this one
        self.psql = self.sh('p=$(postgres_bin)/psql; [ -x "$p" ] && echo "$p" || command -v psql').strip()
        self.sh("engine_stop kafka; engine_start kafka")  # with the proxy's address as its own

    def _confs(self):
        """The shipped confs, with the proxies' addresses."""
        self.sh('rm -rf "$0/conf" && cp -r conf "$0/conf"', str(self.work))
        at = {name: f"127.0.0.1:{proxy.port}" for name, proxy in self.proxies.items()}
        for path in (self.work / "conf").glob("*.conf"):
            text = path.read_text()
            for login, name in (("wallet", "WALLET_DB"), ("relay", "RELAY_DB"), ("recorder", "RECORDER_DB")):
                text = re.sub(rf"\$\{{{name}:-[^}}]*\}}", f"postgresql://{login}@{at['postgres']}/weir", text)
            text = re.sub(r"\$\{CLICKHOUSE:-[^}]*\}", f"http://{at['clickhouse']}", text)
            text = re.sub(r"\$\{WALLET:-[^}]*\}", at["wallet"], text)
            path.write_text(re.sub(r"\$\{KAFKA_BROKERS:-[^}]*\}", at["kafka"], text))

    def sh(self, command, *args, check=True, env=None):
        r = subprocess.run(["bash", "-c", f". manifests/local/lib.sh; {command}", *args], cwd=TOP, text=True, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **(env or {})})
        if check and r.returncode:
            raise Failed(f"{command}: {r.stdout.strip()[-600:]}")
        return r.stdout

    def integration(self, command, check=True):
        """With what the integration tests share."""
        return self.sh(f"export TEST_NAME=chaos; . tests/integration/lib.sh; trap - EXIT; {command}", check=check)

    def fresh(self):
        self.integration("system_fresh")
        for topic in ("bets.placed", "bets.dead"):
            self.sh('kafka_tool kafka.admin.ConfigCommand --bootstrap-server "$(kafka_plain)" --alter --topic $0 '
                    f"--add-config max.message.bytes={OVERSIZED}", topic)
        for name in HOSTS:
            self.start(name, wait=False)
        for name in HOSTS:
            self.ready(name)

    # ---- hosts

    def start(self, name, wait=True, env=None):
        more = {"WEIR_FAILPOINTS": self.sabotage} if self.sabotage else {}
        self.sh("weir_start $0 $1", name, f"{self.work}/conf/{name.rstrip('2')}.conf", env={**more, **(env or {})})
        if wait:
            self.ready(name)

    def ready(self, name):
        self.sh("weir_wait $0 30", name)

    def stop(self, name, how="TERM"):
        self.sh("weir_stop $0 $1", name, how)

    def alive(self, name):
        return self.sh("alive $0 && echo yes || true", name).strip() == "yes"

    def admin(self, name, path, data=None):
        with urllib.request.urlopen(f"http://127.0.0.1:{port(name.upper() + '_ADMIN')}{path}", data, timeout=5) as answer:
            return answer.read().decode()

    def tell_failpoint(self, name, text):
        self.admin(name, "/failpoints?" + urllib.parse.urlencode({"set": text}), b"")

    def fired(self, name, point):
        """Since the host was started, how often it said that this place fired."""
        return self.sh("log_since_start $0", name).count(f"failpoint {point} fires")

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

    # ---- engines

    def engine_start(self, name, env=None):
        self.sh("engine_start $0", name, env=env)

    def engine_stop(self, name, how=""):
        self.sh("engine_stop $0 $1 || true", name, how)

    def may_mount(self):
        probe = self.work / "mount"
        probe.mkdir(exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", probe], capture_output=True).returncode == 0
        if done:
            subprocess.run(["umount", probe], check=True)
        return done

    def disk(self, name):
        """Where an engine keeps its data: from the first call on a tmpfs of its own, which can be made small."""
        folder = self.local / name
        if not os.path.ismount(folder):
            aside = self.local / f"{name}.disk"
            self.engine_stop(name)
            folder.rename(aside)
            folder.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4g", "tmpfs", folder], check=True)
            subprocess.run(["cp", "-a", f"{aside}/.", folder], check=True)
            shutil.rmtree(aside)
            self.engine_start(name)
        return folder

    def resize(self, folder, size):
        subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)

    def unmount(self):
        """After the engines' end: the data goes with its tmpfs, and the next start makes new ones."""
        for name in ENGINES:
            if os.path.ismount(self.local / name):
                subprocess.run(["umount", self.local / name], check=True)
                (self.local / name).rmdir()

    def clock(self, name):
        """(file, environment): what makes a process take its wall clock from that file; put() moves it."""
        path = self.work / f"clock-{name}"
        path.write_bytes(struct.pack("q", 0))
        path.chmod(0o644)
        return path, {"LD_PRELOAD": f"{os.environ['WEIR_BUILD']}/tests/chaos/chaos-clock.so", "WEIR_CLOCK_FILE": str(path)}

    def put_clock(self, path, seconds):
        with path.open("r+b") as f:  # in place: it is mapped
            f.write(struct.pack("q", seconds))

    # ---- what the stores say

    def pg(self, query, database="weir"):
        r = subprocess.run([self.psql, "-XAtq", f"postgresql://postgres@127.0.0.1:{port('POSTGRES')}/{database}", "-c", query],
                           capture_output=True, text=True)
        return r.stdout.strip() if r.returncode == 0 else None

    def ch(self, query):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port('CLICKHOUSE')}", query.encode(), timeout=20) as answer:
                return answer.read().decode().strip()
        except OSError:
            return None

    def stored(self, bet_id):
        return (self.pg(f"select count(*) from record.bets where bet_id = '{bet_id}'") == "1" and
                self.ch(f"select count() from weir.bets where bet_id = '{bet_id}'") == "1")

    def audit(self, seconds):
        """(nothing differs, its report)."""
        path = self.work / "audit.json"
        path.unlink(missing_ok=True)
        text = self.integration(f'audit --wait {seconds} --json "{path}"', check=False)
        exact = path.exists() and json.loads(path.read_text()).get("exact", False)
        return exact, text

    def adds_up(self):
        """What does not, as a text: the shipped aggregates against the record, and each host's own counts at rest."""
        wrong = adding_up.aggregates(self)
        for name in HOSTS:
            wrong += adding_up.at_rest(lambda: self.admin(name, "/metrics"), name)
        return wrong

    def records(self, lines, topic="bets.placed"):
        """Raw records into the topic: partition, key, headers, value; see tests/integration/records.c."""
        r = subprocess.run([f"{os.environ['WEIR_BUILD']}/tests/weir-test-records", f"127.0.0.1:{port('KAFKA_PLAIN')}", topic],
                           input="".join(line + "\n" for line in lines), text=True, capture_output=True)
        if r.returncode:
            raise Failed(f"weir-test-records: {r.stderr}")

    def wait(self, condition, seconds, what):
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                raise Failed(f"not within {seconds:.0f} s: {what}")
            time.sleep(0.05)
