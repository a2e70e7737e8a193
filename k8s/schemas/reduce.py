"""Makes the schemas here from CustomResourceDefinitions: what people write, without descriptions and status.

    python k8s/schemas/reduce.py kueue.x-k8s.io_localqueues.yaml v1beta2 "kubernetes-sigs/kueue v0.19.2"

Unknown fields are refused, which the API server would silently drop. The job template of a TrainingRuntime is left
open: `k8s/validate.py` checks it as what it is, a Job.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

KEPT = ("type", "required", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "maxItems", "minItems")


def reduced(schema: dict[str, Any], path: tuple[str, ...] = ()) -> dict[str, Any]:
    """A schema without what does not decide."""
    if path[-1:] == ("template",) and "replicatedJobs" in path:
        return {"type": "object"}
    made = {key: schema[key] for key in KEPT if key in schema}
    if schema.get("x-kubernetes-int-or-string"):
        made["type"] = ["integer", "string"]
    if "properties" in schema:
        made["properties"] = {name: reduced(one, (*path, name)) for name, one in schema["properties"].items()}
        made["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    if isinstance(schema.get("additionalProperties"), dict):
        made["additionalProperties"] = reduced(schema["additionalProperties"], path)
    if "items" in schema:
        made["items"] = reduced(schema["items"], path)
    return made


def main(crd: Path, version: str, source: str) -> None:
    """Writes `<Kind>.<group>.<version>.json` beside this file."""
    spec = yaml.safe_load(crd.read_text(encoding="utf-8"))["spec"]
    (served,) = [one for one in spec["versions"] if one["name"] == version and one["served"]]
    schema = served["schema"]["openAPIV3Schema"]
    kept = {name: one for name, one in schema["properties"].items() if name != "status"}
    made = reduced({**schema, "properties": kept})
    made["properties"]["metadata"] = {"type": "object"}
    made = {"$comment": f"Reduced by reduce.py from {crd.name} of {source}.", **made}
    place = Path(__file__).with_name(f"{spec['names']['kind']}.{spec['group']}.{version}.json")
    place.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(place.name, place.stat().st_size)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
