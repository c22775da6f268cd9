"""The rendered objects of a variant, and what refers to what among them."""
import base64
import re

import yaml

CLUSTERWIDE = ("Namespace", "ClusterRole", "ClusterRoleBinding", "PriorityClass", "StorageClass")
UNITS = {"ms": 0.001, "s": 1, "min": 60, "h": 3600}


def seconds(text):
    number, unit = re.match(r"([\d.]+)(\w*)", text).groups()
    return float(number) * UNITS.get(unit, 1)


QUANTITIES = {"": 1, "m": 0.001, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 1e3, "M": 1e6, "G": 1e9}


def quantity(text):
    number, unit = re.fullmatch(r"([\d.]+)(\w*)", str(text)).groups()
    return float(number) * QUANTITIES[unit]


def template(obj):
    spec = obj["spec"]
    return (spec["jobTemplate"]["spec"] if obj["kind"] == "CronJob" else spec)["template"]


def has_port(pod, port):
    return any(port in (p.get("name"), p["containerPort"]) for c in pod["containers"] for p in c.get("ports", []))


def number_of(pod, port):
    return next((p["containerPort"] for c in pod["containers"] for p in c.get("ports", []) if port in (p.get("name"), p["containerPort"])), None)


def matches(selector, labels):
    if not selector.get("matchLabels", {}).items() <= labels.items():
        return False
    for e in selector.get("matchExpressions", []):
        value = labels.get(e["key"])
        if e["operator"] == "In" and value not in e["values"] or e["operator"] == "Exists" and value is None:
            return False
    return True


class Objects:
    def __init__(self, path, expected_secrets):
        with open(path) as f:
            self.all = [o for o in yaml.safe_load_all(f) if o]
        self.index, self.twice = {}, []
        for o in self.all:
            key = (o["kind"], o["metadata"]["name"])
            if key in self.index:
                self.twice.append("/".join(key))
            self.index[key] = o
        self.expected = {n: dict.fromkeys(k.split(","), "expected") for n, k in expected_secrets.items()}
        self.pods = [(o, template(o)["spec"]) for o in self.all if o["kind"] in ("Deployment", "StatefulSet", "Job", "CronJob", "DaemonSet")]

    def kind(self, kind):
        return [o for o in self.all if o["kind"] == kind]

    def get(self, kind, name):
        return self.index.get((kind, name))

    def data(self, kind, name):
        o = self.get(kind, name)
        if kind == "Secret":
            if not o:
                return self.expected.get(name)
            return {k: base64.b64decode(v).decode() for k, v in o.get("data", {}).items()} | o.get("stringData", {})
        return o and o.get("data", {}) | o.get("binaryData", {})

    def selected(self, labels):
        return self.chosen({"matchLabels": labels}) if labels else []

    def chosen(self, selector):
        return [(o, pod) for o, pod in self.pods if matches(selector, template(o)["metadata"].get("labels", {}))]

    def uses_api(self, account):
        kinds = ("RoleBinding", "ClusterRoleBinding")
        return any(s.get("name") == account for o in self.all if o["kind"] in kinds for s in o.get("subjects", []))

    # What the container's environment will be, as the kubelet makes it: $(NAME) sees only what `env` said before.
    def env(self, box):
        out, own = {}, {}
        for source in box.get("envFrom", []):
            for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if field in source:
                    out.update(self.data(kind, source[field]["name"]) or {})
        for entry in box.get("env", []):
            source = entry.get("valueFrom", {})
            if "configMapKeyRef" in source:
                value = (self.data("ConfigMap", source["configMapKeyRef"]["name"]) or {}).get(source["configMapKeyRef"]["key"], "")
            elif "secretKeyRef" in source:
                value = (self.data("Secret", source["secretKeyRef"]["name"]) or {}).get(source["secretKeyRef"]["key"], "")
            elif source:
                value = "from-the-pod"
            else:
                value = self.expand(str(entry.get("value", "")), own)
            out[entry["name"]] = own[entry["name"]] = value
        return out

    @staticmethod
    def expand(text, env):
        return re.sub(r"\$\((\w+)\)", lambda m: env.get(m[1], m[0]), text)

    # The files that a container finds in a folder.
    def files(self, pod, box, folder):
        names = {m["name"] for m in box.get("volumeMounts", []) if m["mountPath"] == folder}
        out = {}
        for volume in pod.get("volumes", []):
            if volume["name"] in names:
                for source in [volume] + volume.get("projected", {}).get("sources", []):
                    if "configMap" in source:
                        out.update(self.data("ConfigMap", source["configMap"]["name"]) or {})
        return out

    # Its weir hosts, each with the text of all its conf files.
    def weir(self, pod):
        return [(c, "\n".join(self.files(pod, c, "/etc/weir").values())) for c in pod["containers"] if c["name"] == "weir"]

    # The values in which a container will look for addresses: of a weir host what its conf reads, of another what its
    # command names or its own entries in `env` say.
    def addresses(self, pod, box):
        env = self.env(box)
        conf = dict((id(c), t) for c, t in self.weir(pod)).get(id(box))
        if conf is not None:
            code = "\n".join(line.split("#")[0] for line in conf.splitlines())
            return [env[n] for n in re.findall(r"\$\{(\w+)", code) if n in env and not n.endswith("_LISTEN")]
        said = [str(t) for t in box.get("args", []) + box.get("command", [])]
        named = set(re.findall(r"\$[({]?(\w+)", "\n".join(said)))
        used = [self.expand(t, env) for t in said]
        return [t for t in used if "\n" not in t] + [v for n, v in env.items() if n in named or not named]

    def lets_in(self, labels, pod, port, client):
        rules = [p for p in self.kind("NetworkPolicy") if matches(p["spec"]["podSelector"], labels)]
        for policy in rules:
            for rule in policy["spec"].get("ingress", []):
                ports = [number_of(pod, p["port"]) for p in rule.get("ports", [])]
                if ports and number_of(pod, port) not in ports:
                    continue
                if "from" not in rule or any(matches(f.get("podSelector", {}), client) for f in rule["from"]):
                    return True
        return not rules
