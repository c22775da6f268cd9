"""Checks what kubectl kustomize wrote: every name refers to something that is there, every pod is locked down.

    crossref.py RENDERED.yaml [--secret NAME=KEY,KEY...]      prints `FAILED what` lines; exit 1 when there are any

--secret: one that the variant expects to be there, with the keys that its README names.
"""
import re
import sys

import objects

WORKLOADS = ("Deployment", "StatefulSet", "Job", "CronJob", "DaemonSet")


class Checks:
    def __init__(self, path, expected):
        self.found = objects.Objects(path, expected)
        self.failures = []

    def fail(self, obj, what):
        self.failures.append(f"{obj['kind']}/{obj['metadata']['name']}: {what}")

    # ------------------------------------------------------------ names

    def data_of(self, obj, kind, name, key, what):
        data = self.found.data(kind, name)
        if data is None:
            self.fail(obj, f"{what}: there is no {kind} {name}")
        elif key is not None and key not in data:
            self.fail(obj, f"{what}: {kind} {name} has no key {key}")

    def env(self, obj, box):
        for source in box.get("envFrom", []):
            for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if field in source:
                    self.data_of(obj, kind, source[field]["name"], None, "envFrom")
        for entry in box.get("env", []):
            source = entry.get("valueFrom", {})
            for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                if field in source:
                    self.data_of(obj, kind, source[field]["name"], source[field]["key"], f"env {entry['name']}")
        known = self.found.env(box)
        for text in [e.get("value", "") for e in box.get("env", [])] + box.get("args", []) + box.get("command", []):
            for name in re.findall(r"\$\((\w+)\)", str(text)):
                if name not in known:
                    self.fail(obj, f"{box['name']}: $({name}) is not in its environment")

    def volumes(self, obj, pod, boxes):
        names = {v["name"] for v in pod.get("volumes", [])}
        names |= {c["metadata"]["name"] for c in obj["spec"].get("volumeClaimTemplates", [])}
        for volume in pod.get("volumes", []):
            for source in [volume] + volume.get("projected", {}).get("sources", []):
                for field, kind, key in (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")):
                    if field in source:
                        name = source[field].get(key) or source[field].get("name")
                        items = source[field].get("items", [{"key": None}])
                        for item in items:
                            self.data_of(obj, kind, name, item["key"], f"volume {volume['name']}")
        mounted = set()
        for box in boxes:
            for mount in box.get("volumeMounts", []):
                mounted.add(mount["name"])
                if mount["name"] not in names:
                    self.fail(obj, f"{box['name']}: there is no volume {mount['name']}")
        for name in names - mounted:
            self.fail(obj, f"volume {name} is mounted by no container")

    def ports(self, obj, boxes):
        for box in boxes:
            names = {p.get("name"): p["containerPort"] for p in box.get("ports", [])}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                for how in ("httpGet", "tcpSocket"):
                    port = box.get(probe, {}).get(how, {}).get("port")
                    if port is not None and port not in names and port not in names.values():
                        self.fail(obj, f"{box['name']}: {probe} asks port {port}, which it does not have")

    # ------------------------------------------------------------ what a pod may do

    def security(self, obj, pod, boxes):
        own = pod.get("securityContext", {})
        account = pod.get("serviceAccountName")
        if not account or not self.found.get("ServiceAccount", account):
            self.fail(obj, f"there is no ServiceAccount {account}")
        elif pod.get("automountServiceAccountToken") is not False and not self.found.uses_api(account):
            self.fail(obj, "mounts a token of the API that it has no use for: automountServiceAccountToken: false")
        if obj["spec"].get("volumeClaimTemplates") and "fsGroup" not in own:
            self.fail(obj, "has a volume and no fsGroup")
        for box in boxes:
            context = {**own, **box.get("securityContext", {})}
            wrong = [
                what
                for what, good in (
                    ("runAsNonRoot", context.get("runAsNonRoot") is True),
                    ("runAsUser of its own", context.get("runAsUser", 0) > 0),
                    ("readOnlyRootFilesystem", context.get("readOnlyRootFilesystem") is True),
                    ("allowPrivilegeEscalation: false", context.get("allowPrivilegeEscalation") is False),
                    ("capabilities drop ALL", context.get("capabilities", {}).get("drop") == ["ALL"]),
                    ("seccompProfile RuntimeDefault", context.get("seccompProfile", {}).get("type") == "RuntimeDefault"),
                    ("privileged off", not context.get("privileged")),
                    ("requests of cpu and memory", {"cpu", "memory"} <= set(box.get("resources", {}).get("requests", {}))),
                    ("a limit of memory", "memory" in box.get("resources", {}).get("limits", {})),
                    ("a limit above each request", self.limits_hold(box.get("resources", {}))),
                    ("a pinned image", re.search(r":[^/:]+$", box["image"]) and not box["image"].endswith(":latest")),
                    ("terminationMessagePolicy FallbackToLogsOnError", box.get("terminationMessagePolicy") == "FallbackToLogsOnError"),
                )
                if not good
            ]
            if wrong:
                self.fail(obj, f"container {box['name']} lacks {', '.join(wrong)}")
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.get(key):
                self.fail(obj, key)

    @staticmethod
    def limits_hold(resources):
        requests, limits = resources.get("requests", {}), resources.get("limits", {})
        return all(objects.quantity(requests[k]) <= objects.quantity(limits[k]) for k in requests if k in limits)

    def probes(self, obj, pod):
        if obj["kind"] not in ("Deployment", "StatefulSet"):
            return
        main = pod["containers"][0]
        for probe in ("readinessProbe", "livenessProbe"):
            if probe not in main:
                self.fail(obj, f"container {main['name']} has no {probe}")

    # A pod may take as long to end as its preStop and its conf's drain_timeout together.
    def grace(self, obj, pod):
        for box, conf in self.found.weir(pod):
            drain = max([30] + [objects.seconds(t) for t in re.findall(r'drain_timeout\s*=\s*"?([\w.]+)', conf)])
            sleep = box.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
            if "startupProbe" not in box:
                self.fail(obj, "a weir host needs a startupProbe")
            if int(sleep[1]) < 5 and any(n in ("http", "grpc") for n in (p["name"] for p in box["ports"])):
                self.fail(obj, "serves others and needs a preStop that sleeps 5 s or more: they must know that it goes")
            if pod.get("terminationGracePeriodSeconds", 30) <= drain + int(sleep[1]):
                self.fail(obj, f"terminationGracePeriodSeconds is not above preStop {sleep[1]} s + drain_timeout {drain} s")

    # ------------------------------------------------------------ who finds whom

    def services(self):
        for service in self.found.kind("Service"):
            pods = self.found.selected(service["spec"].get("selector", {}))
            if not pods:
                self.fail(service, "its selector matches no pod")
            for port in service["spec"]["ports"]:
                target = port.get("targetPort", port["port"])
                for obj, pod in pods:
                    if not objects.has_port(pod, target):
                        self.fail(service, f"no container of {obj['metadata']['name']} has port {target}")

    def others(self):
        for policy in self.found.kind("NetworkPolicy"):
            pods = self.found.chosen(policy["spec"]["podSelector"])
            if not pods:
                self.fail(policy, "its podSelector matches no pod")
            for rule in policy["spec"].get("ingress", []):
                for port in rule.get("ports", []):
                    if not any(objects.has_port(pod, port["port"]) for _, pod in pods):
                        self.fail(policy, f"no pod of it has port {port['port']}")
        for budget in self.found.kind("PodDisruptionBudget"):
            if not self.found.chosen(budget["spec"]["selector"]):
                self.fail(budget, "its selector matches no pod")
        for scaler in self.found.kind("HorizontalPodAutoscaler"):
            ref = scaler["spec"]["scaleTargetRef"]
            target = self.found.get(ref["kind"], ref["name"])
            if not target:
                self.fail(scaler, f"there is no {ref['kind']} {ref['name']}")
            elif "replicas" in target["spec"]:
                self.fail(target, "has replicas though an autoscaler decides: each apply would set them back")
        for obj, _ in self.found.pods:
            name = obj["spec"].get("serviceName")
            if obj["kind"] == "StatefulSet" and not self.found.get("Service", name):
                self.fail(obj, f"there is no Service {name}")

    # Every address that a pod really uses is a Service here (or outside), with that port, and lets it in.
    def addresses(self):
        for obj, pod in self.found.pods:
            for box in pod["containers"]:
                for text in self.found.addresses(pod, box):
                    for host, port in re.findall(r"(?:^|[@/,])([a-z][a-z0-9.-]*):(\d+)", text):
                        self.address(obj, host, int(port))

    def address(self, obj, host, port):
        service = self.found.get("Service", host.split(".")[0])
        if "." in host and not host.endswith("svc.cluster.local") or host == "localhost":
            return
        if not service:
            return self.fail(obj, f"{host}:{port}: there is no Service {host}")
        target = next((p.get("targetPort", p["port"]) for p in service["spec"]["ports"] if p["port"] == port), None)
        if target is None:
            return self.fail(obj, f"{host}:{port}: Service {host} has no port {port}")
        labels = objects.template(obj)["metadata"]["labels"]
        for other, pod in self.found.selected(service["spec"]["selector"]):
            if other is not obj and not self.found.lets_in(objects.template(other)["metadata"]["labels"], pod, target, labels):
                self.fail(obj, f"{host}:{port}: no NetworkPolicy lets it in to {other['metadata']['name']}")

    def labels(self, obj):
        for where in (obj, objects.template(obj)):
            for key in ("name", "component", "part-of"):
                if f"app.kubernetes.io/{key}" not in where["metadata"].get("labels", {}):
                    self.fail(obj, f"has no label app.kubernetes.io/{key}")
        selector = obj["spec"].get("selector", {}).get("matchLabels", {})
        if not selector.items() <= objects.template(obj)["metadata"]["labels"].items():
            self.fail(obj, "its selector does not match its own pods")

    def all(self):
        for obj, pod in self.found.pods:
            boxes = pod.get("initContainers", []) + pod["containers"]
            for box in boxes:
                self.env(obj, box)
            self.volumes(obj, pod, boxes)
            self.ports(obj, boxes)
            self.security(obj, pod, boxes)
            self.probes(obj, pod)
            self.grace(obj, pod)
            self.labels(obj)
        self.services()
        self.others()
        self.addresses()
        for obj in self.found.all:
            if obj["kind"] not in objects.CLUSTERWIDE and not obj["metadata"].get("namespace"):
                self.fail(obj, "has no namespace")
        for name in self.found.twice:
            self.failures.append(f"{name} is there twice")
        return self.failures


if __name__ == "__main__":
    expected = dict(a.split("=", 1) for a in sys.argv[3:] if "=" in a) if "--secret" in sys.argv else {}
    failures = Checks(sys.argv[1], expected).all()
    for failure in failures:
        print("FAILED", failure)
    sys.exit(bool(failures))
