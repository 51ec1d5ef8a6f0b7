"""Writes JSON Schemas and the manual of manifests, from the models that read them.

`make manifest` runs it; a test sees that what is committed is what it writes.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from slipway.manifests.copilot import WORDS
from slipway.manifests.environment import Environment
from slipway.manifests.fields import DURATION_FORM
from slipway.manifests.service import Service

MANUAL = "docs/manifest.md"
ENVIRONMENT_SCHEMA = "docs/schema/environment.schema.json"
SERVICE_SCHEMA = "docs/schema/service.schema.json"
PART = "Part"
"""The end of the names of sections of which a part will do."""

type Schema = dict[str, Any]


def documents() -> dict[str, str]:
    """Return every generated document by its path."""
    return {
        ENVIRONMENT_SCHEMA: _json(environment_schema()),
        SERVICE_SCHEMA: _json(service_schema()),
        MANUAL: manual(),
    }


def main(root: Path) -> None:
    """Write every document into a copy of the repository."""
    for path, text in documents().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def _json(schema: Schema) -> str:
    return json.dumps(schema, indent=2) + "\n"


# ----------------------------------------------------- schemas


def environment_schema() -> Schema:
    """Return the schema of environment.yaml; its defaults may be parts."""
    schema = _schema(Environment)
    definitions = schema["$defs"]
    definitions |= _parts(definitions)
    schema["properties"]["defaults"]["$ref"] += PART
    return _used(schema)


def service_schema() -> Schema:
    """Return the schema of a service, with what environments change of it."""
    schema = _schema(Service)
    definitions = schema["$defs"]
    properties = schema["properties"]
    own = {key: value for key, value in properties.items() if key != "name"}
    part = {"type": "object", "properties": own, "additionalProperties": False}
    definitions |= _parts({**definitions, "Service": part})
    properties["environments"] = {
        "type": "object",
        "description": "What environments change, by their names: keys go into keys, "
        "all else replaces what is above; null takes a key away.",
        "additionalProperties": {"$ref": f"#/$defs/Service{PART}"},
    }
    return _used(schema)


def _schema(model: type[BaseModel]) -> Schema:
    schema = model.model_json_schema()
    _tidy(schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _tidy(node: Any) -> None:
    """Take out what is Python's: titles, and null where a key is just left out."""
    if isinstance(node, list):
        for item in node:
            _tidy(item)
    if not isinstance(node, dict):
        return
    if isinstance(node.get("title"), str):
        del node["title"]
    if node.get("default", "") in (None, {}, []):
        del node["default"]
    if isinstance(node.get("description"), str):
        node["description"] = " ".join(node["description"].split())
    if "patternProperties" in node:
        node["additionalProperties"] = False
    for value in node.values():
        _tidy(value)
    _tidy_options(node)


def _tidy_options(node: Schema) -> None:
    options = [o for o in node.pop("anyOf", []) if o != {"type": "null"}]
    if len(options) > 1:
        node["anyOf"] = options
    for option in options if len(options) == 1 else ():
        node |= {key: value for key, value in option.items() if key not in node}


def _parts(definitions: Mapping[str, Schema]) -> dict[str, Schema]:
    """Return sections again, as what is laid over others: any part of the keys."""
    parts = {}
    for name, definition in definitions.items():
        part = deepcopy(definition)
        part.pop("required", None)
        _refer_to_parts(part)
        part["properties"] = {
            key: {"anyOf": [value, {"type": "null"}]}
            for key, value in part.get("properties", {}).items()
        }
        parts[name + PART] = part
    return parts


def _refer_to_parts(node: Any) -> None:
    if isinstance(node, list):
        for item in node:
            _refer_to_parts(item)
    if isinstance(node, dict):
        if "$ref" in node:
            node["$ref"] += PART
        node.pop("default", None)
        for value in node.values():
            _refer_to_parts(value)


def _used(schema: Schema) -> Schema:
    """Leave out definitions that nothing refers to."""
    definitions = schema.pop("$defs")
    used: dict[str, Schema] = {}
    waiting = [schema]
    while waiting:
        for name in _references(waiting.pop()):
            if name not in used:
                used[name] = definitions[name]
                waiting.append(definitions[name])
    return {**schema, "$defs": dict(sorted(used.items()))}


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _references(item)
    if isinstance(node, dict):
        if "$ref" in node:
            yield str(node["$ref"]).rsplit("/", 1)[1]
        for value in node.values():
            yield from _references(value)


# ----------------------------------------------------- the manual

_HEAD = """\
# Manifests

<!-- Made by `make manifest` from the models; change those instead. -->

A folder describes an environment: `environment.yaml`, and `services/NAME.yaml` for each
service. [The boutique](../examples/boutique) is one. See whether yours holds, without
an AWS account:

```sh
uv run slipway validate examples/boutique
```

Each problem is a line `file:line:column: field: what was found; what is allowed`, and
all problems of all files are listed at once. The exit code is 0 where everything holds,
10 where it does not. `--json` prints one document, `--environment-file prod.yaml` reads
another environment from the same folder.

Editors that know JSON Schema complete and check keys as you write: put
`# yaml-language-server: $schema=` with the path of
[service.schema.json](schema/service.schema.json) or
[environment.schema.json](schema/environment.schema.json) into the first line.

`slipway plan` shows what AWS lacks of what they say, `slipway apply` makes it so, and
`slipway init` writes the first ones.

## How values are written

- Only `true` and `false` are truths, only plain decimal digits are numbers. `no`, `on`,
  `0755` and `22:22` are texts, as they are written.
- A field that takes a text takes a number as it is written: `PORT: 8080`, `tag: 1.10`.
- A duration is a number of seconds, or a text such as `45s`, `2m` or `1h30m`.
- A key stands once. A key with nothing behind it is a problem. There are no anchors and
  no tags.

## What an environment changes

A service starts from `defaults` of environment.yaml. Its own keys are laid over these,
and over them those under `environments` and the environment's name:

```yaml
cpu: 256
environments:
  prod:
    cpu: 1024
    count: {range: 6-60, cpu_percentage: 60}
```

Keys go into keys; a list or a single value replaces what was there; `null` takes a key
away. So dev and prod can name one repository, and both hear the same push. The shape of
changes for other environments is checked too; what depends on their environment.yaml is
not.

## How a service rolls out

With `http` its releases roll out as a canary: weights rise step by step, and answers
are judged. With `nlb` weights rise as well, in steps, and the health of tasks alone
says whether they go on, for a Network Load Balancer counts connections and no answers;
beside `http` both move together. Without either there are no weights, and tasks are
replaced in batches, on their health alone. A canary on gRPC needs
`rollout.judge.metric`, for a gRPC failure is an answer with HTTP 200; else say
`rollout.strategy: batches`. `slipway validate` tells each service's mode, and why.

With `rollout.judge.metric` the application counts, and load balancers' answers are not
judged by; that makes a canary of a service with `nlb` alone, too. Both metrics have the
name of the task's ECS service in a dimension, and the one of failures says 0 as well:
where a release has requests and no data of failures, its name may be misspelt, so
nothing passes ([how to count](operations.md#counting-in-the-application)). In batches
it judges nothing.

## Clients that stay

With `http.stickiness: true` a client stays with the release that it was led to, by a
cookie of the load balancer, while a rollout shares requests out between two. The cookie
is forgotten 600 s after its last request. New clients go by weight, those who were here
do not: the first step's share is exact, later ones carry less than they say, and the
last one brings all the others at once. Everybody is with the new release before it is
promoted, and with the old one again as soon as a rollout goes back. Within 630 s after
a promotion, or after the end of a rollout that went back, the next one's steps go by
weight alone; where a rollout failed, within seven days.

## Behind a Network Load Balancer

Each `nlb.port` is a listener of the service's own, and no other service's. Weights
share out new connections: those that are open stay with their task until they end, or
until it does, after `rollout.retire_delay` and `deregistration_delay`. It may act on
new weights ten minutes late, so the delay is 600 s at least, and bakes should be
longer. With `rollout.judge.metric` each bake begins after those ten minutes: what fails
before fails the release at once, and nothing of it passes. Until a first release is
healthy no connection comes about. With `/tls` it ends TLS there, and opens it anew to a
service that speaks `tls`; without, TLS passes through unread.

## How a sidecar lingers

ECS stops containers in the reverse order of their start: those that a sidecar has in
its `depends_on` get their SIGTERM when it has ended. So a sidecar that goes on for a
while after its own SIGTERM holds theirs back, and they serve on while load balancers
and callers let go of them.

Only the sidecar's program can do that. With `linger: 20s` it finds 20 in its variable
`SLIPWAY_LINGER_SECONDS`, and its `stop_timeout` is when ECS kills it. **A program that
does not heed the variable ends at SIGTERM as it always did, and then nothing is held
back.** In an image with a shell an entrypoint can do it for any program:

```yaml
sidecars:
  proxy:
    entrypoint:
      - sh
      - -c
      - |
        "$@" & child=$!
        trap 'sleep "$SLIPWAY_LINGER_SECONDS"; kill "$child"' TERM
        wait "$child"
        wait "$child"
      - sh
    command: [/usr/bin/proxy, --port, "9000"]
    depends_on: {cart: start}
    stop_timeout: 60s
    linger: 20s
```

## How secrets are named

`ssm` takes the name of a parameter in the environment's account and region, or a whole
ARN of either service. `secretsmanager: NAME` becomes the ARN of the environment's
account and region without the six characters that Secrets Manager puts at its end.
Secrets Manager finds a secret by that; the guide of ECS speaks of whole ARNs only. The
execution role must be allowed `secretsmanager:GetSecretValue` on
`secret:NAME` and on `secret:NAME-??????`. Where that does not do, write the whole ARN
behind `ssm`. A task that cannot read its secrets does not start, and its release is
rolled back.
"""
_COPILOT = """
## Coming from AWS Copilot

Keys have Copilot's names where it has one. These it has, or people look for, and they
have another home here or none:

| where | key | instead |
|---|---|---|
"""


def manual() -> str:
    """Return the manual, in Markdown."""
    parts = [
        _HEAD,
        *_sections("environment.yaml", Environment, skip={"Defaults"}),
        *_sections("services/NAME.yaml", Service, skip=set()),
        _COPILOT,
        *(
            f"| {_home(section)} | `{key}` | {told} |\n"
            for section, words in WORDS.items()
            for key, told in words.items()
        ),
    ]
    return "".join(parts)


def _home(section: str) -> str:
    names = {"Service": "the whole", "HttpRule": "Http", "NlbListener": "Nlb"}
    return names.get(section, section)


def _sections(title: str, model: type[BaseModel], skip: set[str]) -> Iterator[str]:
    schema = _schema(model)
    definitions = schema["$defs"]
    yield f"\n## {title}\n\n{schema['description']}\n\n"
    yield from _table(schema, definitions)
    if model is Service:
        yield (
            "| `environments` | names, each with keys of a service | "
            "[What environments change](#what-an-environment-changes). |\n"
        )
    waiting = [name for name in _references(schema["properties"]) if name not in skip]
    done: set[str] = set()
    while waiting:
        name = waiting.pop(0)
        if name in done:
            continue
        done.add(name)
        section = definitions[name]
        yield f"\n### {name}\n\n{section['description']}\n\n"
        yield from _table(section, definitions)
        waiting = [*_references(section["properties"]), *waiting]


def _table(section: Schema, definitions: Mapping[str, Schema]) -> Iterator[str]:
    yield "| key | takes | what it says |\n|---|---|---|\n"
    required = section.get("required", ())
    properties = section["properties"]
    for key in sorted(properties, key=lambda key: key not in required):
        field = properties[key]
        mark = " (required)" if key in required else ""
        name = str(field.get("$ref", "")).rpartition("/")[2]
        # A description that is the section's own stands there only.
        told = field.get("description") or definitions[name]["description"]
        default = field.get("default")
        if default is not None:
            told += f" Default: `{_brief(default)}`."
        yield f"| `{key}`{mark} | {_cell(_takes(field))} | {_cell(told)} |\n"


def _brief(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _takes(field: Schema) -> str:
    if "anyOf" in field:
        if any(option.get("pattern") == DURATION_FORM for option in field["anyOf"]):
            return f"a duration{_bounds(field['anyOf'][0], ' s')}"
        return ", or ".join(_takes(option) for option in field["anyOf"])
    name = str(field.get("$ref", "")).rpartition("/")[2]
    if name == "Defaults":
        return "keys of [a service](#servicesnameyaml)"
    if name:
        return f"[{name}](#{name.lower()})"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    return _takes_of_type(field)


def _takes_of_type(field: Schema) -> str:
    match field.get("type"):
        case "array":
            return f"a list: {_takes(field['items'])}"
        case "object":
            inner = next(iter(field.get("patternProperties", {}).values()), None)
            return f"names, each with {_takes(inner or field['additionalProperties'])}"
        case "integer":
            return f"a whole number{_bounds(field, '')}"
        case "number":
            return f"a number{_bounds(field, '')}"
        case "boolean":
            return "`true` or `false`"
        case _:
            return str(field.get("patternErrorMessage", "a text"))


def _bounds(field: Schema, unit: str) -> str:
    least, most = field.get("minimum"), field.get("maximum")
    if least is None:
        return ""
    return f", {least}{unit} or more" if most is None else f", {least} to {most}{unit}"


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path())
