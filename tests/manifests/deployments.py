"""One line for each object that runs pods, with a hash of its pods' template: what an apply would roll."""
import hashlib
import json
import sys

import objects

for obj, _ in objects.Objects(sys.argv[1], {}).pods:
    text = json.dumps(objects.template(obj), sort_keys=True)
    print(f"{obj['kind']}/{obj['metadata']['name']} {hashlib.sha256(text.encode()).hexdigest()[:12]}")
