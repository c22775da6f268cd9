#!/usr/bin/env python3
"""What plugins/README.md tells its reader to do, as a bash script.

  tutorial.py README > script

A fenced block says by the words after its language what it is: `sh run`, `sh fails` (its last command must), a file
(`c file=PATH`), or `text expect`: lines that the block before it must have printed, each somewhere in a line."""
import re, shlex, sys

BLOCK = re.compile(r"^```(\w+) (run|fails|expect|file=(\S+))\n(.*?)^```$", re.M | re.S)
text = open(sys.argv[1], encoding="utf-8").read()
print("set -uo pipefail")
for _, kind, path, body in BLOCK.findall(text):
    if path:
        print(f"cat > {path} <<'THE_END_OF_THIS_FILE' || exit 1\n{body}THE_END_OF_THIS_FILE")
    elif kind == "expect":
        for line in body.splitlines():
            print(f'expect {shlex.quote(line)}')
    else:
        first = body.strip().splitlines()[0]
        print(f"step {shlex.quote(first)}")
        print(f"{{ set -e\n{body}set +e; }} >\"$PRINTED\" 2>&1" if kind == "run" else
              f"{{\n{body}}} >\"$PRINTED\" 2>&1 && wrong 'this should have failed'")
