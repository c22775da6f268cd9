"""`weir check` of every conf inside every rendered ConfigMap, with the environment of the pod that runs it.

    confs.py RENDERED.yaml WEIR [--strict-set]      prints what weir says of a conf that does not pass; exit 1 then

--strict-set: also all of the variant's confs together, where no loss window may be left.
"""
import os
import subprocess
import sys
import tempfile

import objects


def check(weir, env, files, *options):
    known = {"PATH": os.environ["PATH"], "WEIR_PLUGIN_PATH": os.environ["WEIR_PLUGIN_PATH"]}
    done = subprocess.run([weir, "check", *options, *files], env=env | known, capture_output=True, text=True, timeout=60)
    return done.returncode, (done.stdout + done.stderr).strip()


def main(path, weir, *options):
    found, bad, together, union = objects.Objects(path, {}), 0, [], {}
    with tempfile.TemporaryDirectory() as work:
        for obj, pod in found.pods:
            for box, _ in found.weir(pod):
                name, folder = obj["metadata"]["name"], os.path.join(work, obj["metadata"]["name"])
                os.mkdir(folder)
                for file, text in found.files(pod, box, "/etc/weir").items():
                    with open(os.path.join(folder, file), "w") as f:
                        f.write(text)
                env = {n: v or "a-secret" for n, v in found.env(box).items()}
                confs = [a.replace("/etc/weir", folder) for a in box["args"] if a.endswith(".conf")]
                status, text = check(weir, env, confs)
                if status or not confs:
                    bad += 1
                    print(f"FAILED {name}: {text or 'runs no conf'}".replace(folder, f"/etc/weir of {name}"))
                together += confs
                union |= env
        if "--strict-set" in options and not bad:
            status, text = check(weir, union, together, "--strict")
            if status:
                bad += 1
                print(f"FAILED all confs together: {text}".replace(work, "/etc/weir of "))
    return bad


if __name__ == "__main__":
    sys.exit(bool(main(*sys.argv[1:])))
