"""Leaves in an SBOM what the program has, and holds it to the schema of CycloneDX. Run by scripts/sbom.

cargo tree ... --prefix none --format '{p}' | python sbom.py FILE
"""

import json
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

file = Path(sys.argv[1])
document = json.loads(file.read_text())
program = document["metadata"]["component"]
compiled = {(name, version.removeprefix("v")) for name, version, *_ in map(str.split, filter(str.strip, sys.stdin))}


def crate(component):
    return component["name"], component["version"]


lacking = compiled - {crate(one) for one in [program, *document["components"]]}
if lacking:
    sys.exit(f"scripts/sbom: the document lacks {sorted(lacking)}")

# cargo-cyclonedx takes each crate with the features that any crate of the workspace asks for, tests included.
left_out = {one["bom-ref"] for one in document["components"] if crate(one) not in compiled}
document["components"] = [one for one in document["components"] if one["bom-ref"] not in left_out]
document["dependencies"] = [one for one in document["dependencies"] if one["ref"] not in left_out]
for one in document["dependencies"]:
    one["dependsOn"] = [ref for ref in one.get("dependsOn", []) if ref not in left_out]

bare = [one["name"] for one in document["components"] if not one.get("licenses")]
if bare:
    sys.exit(f"scripts/sbom: no licence is given of {bare}")
text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
problem = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
if problem:
    # The first line: the others are all of the schema.
    sys.exit(f"scripts/sbom: not a CycloneDX document: {str(problem).splitlines()[0]}")
file.write_text(text)
print(f"{file}: {len(compiled)} crates, as CycloneDX {document['specVersion']}")
