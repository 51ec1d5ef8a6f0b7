"""Deploying a SAM template into the local cloud: exactly the types that Slipway uses.

Anything else (type, property, intrinsic function, event source) raises NotModelled with
the logical id and the property. Each resource's name and ARN follow from its
properties, so nothing has to exist before something else may name it.

A stack can be updated: tables and queues keep what they hold, and executions under way
their definitions. The whole update is there at once; on AWS it takes minutes.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcloud.api import NotModelled
from localcloud.asl import load
from localcloud.asl.definition import FUNCTION_RESOURCES, START_EXECUTION, Definition
from localcloud.asl.expressions import is_expression
from localcloud.buckets import Buckets, make_bucket
from localcloud.clients import client
from localcloud.clock import Clock
from localcloud.events import EventBus, Rule, RuleTarget, Target
from localcloud.functions import FunctionError, Functions, UnknownFunction
from localcloud.policies import (
    BASIC_POLICIES,
    allowed_actions,
    denies_plain_http,
    lets_events_in,
)
from localcloud.queues import Mapping as SourceMapping
from localcloud.queues import Mappings, Queue
from localcloud.resource_types import (
    CREATION_ORDER,
    TYPES,
    WITH_ROLE,
    function_arn,
    policy_arn,
    queue_url,
    role_arn,
    words,
)
from localcloud.states import States
from localcloud.template import InvalidTemplate, Resolver, read
from localcloud.topics import Topic, Topics

_RESOURCE_KEYS = frozenset(
    {
        "Type",
        "Properties",
        "DependsOn",
        "Condition",
        "DeletionPolicy",
        "UpdateReplacePolicy",
        "Metadata",
    }
)


_RATE = re.compile(
    r"rate\((?P<value>[1-9]\d*) (?P<unit>minute|hour|day)(?P<plural>s?)\)"
)
_RATE_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}

_ASYNCHRONOUS_WAITS = (0.0, 60.0, 120.0)
"""Seconds before each try of an event (invocation-async-error-handling.html)."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One deployed resource."""

    logical_id: str
    type: str
    physical_id: str
    """What Ref gives: a name, a URL or an ARN, as its type has it."""
    name: str
    arn: str
    properties: Mapping[str, Any]


@dataclass(slots=True)
class Stack:
    """What a deployment made."""

    name: str
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    queues: dict[str, Queue] = field(default_factory=dict)
    """By logical id."""
    published: dict[str, str] = field(default_factory=dict)
    """What the newest version of each function was made of, by logical id."""

    def resource(self, logical_id: str) -> Resource:
        """Return a resource by its name in the template."""
        return self.resources[logical_id]

    @property
    def functions(self) -> dict[str, str]:
        """The functions' names by logical id."""
        return self._names("AWS::Serverless::Function")

    @property
    def state_machines(self) -> dict[str, str]:
        """The state machines' ARNs by logical id."""
        kind = "AWS::Serverless::StateMachine"
        return {k: r.arn for k, r in self.resources.items() if r.type == kind}

    @property
    def buckets(self) -> dict[str, str]:
        """The buckets' names by logical id."""
        return self._names("AWS::S3::Bucket")

    def _names(self, kind: str) -> dict[str, str]:
        return {k: r.name for k, r in self.resources.items() if r.type == kind}


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the local cloud that a deployment fills."""

    clock: Clock
    functions: Functions
    states: States
    events: EventBus
    mappings: Mappings
    topics: Topics
    buckets: Buckets


def deploy(
    path: Path,
    services: Services,
    parameters: Mapping[str, str],
    stack_name: str = "slipway",
    *,
    update: Stack | None = None,
) -> Stack:
    """Make everything that a template describes; of a stack to `update`, what is new.

    An update that takes a resource away, or replaces it, is not modelled.
    """
    return _Deployment(path, services, parameters, stack_name, update).run()


class _Deployment:
    def __init__(
        self,
        path: Path,
        services: Services,
        parameters: Mapping[str, str],
        stack_name: str,
        update: Stack | None,
    ) -> None:
        self._before = update or Stack(stack_name)
        self._directory = path.parent
        self._services = services
        self._document = read(path)
        self._resolver = Resolver(
            self._document, stack_name, parameters, self._reference
        )
        self._stack = Stack(stack_name)
        self._resources = {
            logical_id: resource
            for logical_id, resource in self._document["Resources"].items()
            if "Condition" not in resource
            or self._resolver.condition(resource["Condition"])
        }
        self._names: dict[str, str | None] = {}
        self._digests: dict[Path, str] = {}

    def run(self) -> Stack:
        for logical_id, resource in self._resources.items():
            self._check(logical_id, resource)
        for logical_id, old in self._before.resources.items():
            kept = self._resources.get(logical_id, {}).get("Type") == old.type
            if not kept or self._name(logical_id) != old.name:
                raise NotModelled(f"an update that takes {logical_id} away")
        by_type: dict[str, list[str]] = {}
        for logical_id, resource in self._resources.items():
            by_type.setdefault(resource["Type"], []).append(logical_id)
        for kind in CREATION_ORDER:
            for logical_id in by_type.get(kind, ()):
                try:
                    self._make(logical_id, kind)
                except (NotModelled, InvalidTemplate) as error:
                    error.add_note(f"in resource {logical_id} ({kind})")
                    raise
        self._check_permissions()
        self._check_machines()
        for name, output in self._document.get("Outputs", {}).items():
            if "Condition" in output and not self._resolver.condition(
                output["Condition"]
            ):
                continue
            self._stack.outputs[name] = self._resolver.resolve(output["Value"])
        return self._stack

    # ------------------------------------------------------------ names and references

    def _check(self, logical_id: str, resource: Mapping[str, Any]) -> None:
        kind = resource.get("Type", "")
        if kind not in TYPES:
            raise NotModelled(f"{logical_id}: resource type {kind}")
        for key in sorted(set(resource) - _RESOURCE_KEYS):
            raise NotModelled(f"{logical_id}: {key}")
        properties = resource.get("Properties", {})
        for key in sorted(set(properties) - TYPES[kind].properties):
            raise NotModelled(f"{logical_id}: property {key} of {kind}")
        depends = resource.get("DependsOn", [])
        for other in [depends] if isinstance(depends, str) else depends:
            if other not in self._document["Resources"]:
                raise InvalidTemplate(f"{logical_id}: DependsOn names no {other}")

    def _name(self, logical_id: str) -> str:
        """Return a resource's name: the one it gives itself, or one of its stack."""
        if logical_id in self._names:
            known = self._names[logical_id]
            if known is None:
                raise InvalidTemplate(f"the name of {logical_id} depends on itself")
            return known
        self._names[logical_id] = None
        resource = self._resources[logical_id]
        given = resource.get("Properties", {}).get(TYPES[resource["Type"]].name)
        default = f"{self._stack.name}-{logical_id}"
        if resource["Type"] == "AWS::S3::Bucket":
            default = default.lower()
        name = default if given is None else str(self._resolver.resolve(given))
        self._names[logical_id] = name
        return name

    def _reference(self, logical_id: str, attribute: str | None) -> str:
        base = logical_id.removesuffix(".Alias").removesuffix("Role")
        if logical_id not in self._resources:
            kind_of_base = self._resources.get(base, {}).get("Type")
            if logical_id.endswith("Role") and kind_of_base in WITH_ROLE:
                role = f"{self._stack.name}-{logical_id}"
                return role_arn(role) if attribute == "Arn" else role
            if base in self._resources and logical_id.endswith(".Alias"):
                alias = self._given(base).get("AutoPublishAlias")
                if alias is None:
                    raise InvalidTemplate(f"{base} has no AutoPublishAlias")
                return f"{function_arn(self._name(base))}:{alias}"
            raise InvalidTemplate(f"the template has no {logical_id}")
        kind = TYPES[self._resources[logical_id]["Type"]]
        name = self._name(logical_id)
        if attribute is None:
            return kind.ref(name)
        if attribute == "Alias":
            return self._reference(f"{logical_id}.Alias", None)
        if attribute not in kind.attributes:
            raise NotModelled(f"attribute {attribute} of {logical_id}")
        return kind.attributes[attribute](name)

    # ------------------------------------------------------------------------ creation

    def _given(self, logical_id: str) -> dict[str, Any]:
        """Return a resource's properties as the template gives them, with Globals."""
        resource = self._resources[logical_id]
        raw = resource.get("Properties", {})
        return _with_globals(self._document, resource["Type"], raw)

    def _make(self, logical_id: str, kind: str) -> None:
        properties = self._resolver.resolve(self._given(logical_id))
        for key in sorted(set(properties) - TYPES[kind].properties):
            raise NotModelled(f"Globals: property {key} of {kind}")
        name = self._name(logical_id)
        resource = Resource(
            logical_id,
            kind,
            TYPES[kind].ref(name),
            name,
            TYPES[kind].arn(name),
            properties,
        )
        self._stack.resources[logical_id] = resource
        maker = {
            "AWS::Serverless::Function": self._function,
            "AWS::Serverless::StateMachine": self._state_machine,
            "AWS::DynamoDB::Table": self._table,
            "AWS::S3::Bucket": self._bucket,
            "AWS::S3::BucketPolicy": self._bucket_policy,
            "AWS::SQS::Queue": self._queue,
            "AWS::SNS::Topic": self._topic,
            "AWS::SNS::Subscription": lambda made: _subscription(made.properties),
            "AWS::Events::Rule": self._rule,
            "AWS::Lambda::EventSourceMapping": self._mapping,
        }.get(kind)
        if maker:
            maker(resource)

    def _function(self, resource: Resource) -> None:
        properties = resource.properties
        self._services.functions.create(
            resource.name,
            self._directory / properties["CodeUri"],
            properties["Handler"],
            environment={
                key: str(value)
                for key, value in properties.get("Environment", {})
                .get("Variables", {})
                .items()
            },
            timeout_seconds=float(properties.get("Timeout", 3)),
            allowed_actions=tuple(self._actions(properties)),
            memory_mb=int(properties.get("MemorySize", 128)),
            layers=tuple(self._packages(layer) for layer in self._layers(resource)),
        )
        alias = properties.get("AutoPublishAlias")
        if alias is not None:
            self._publish(resource, alias)
        for name, event in properties.get("Events", {}).items():
            self._event(resource, name, event)

    def _publish(self, function: Resource, alias: str) -> None:
        """Publish a version where SAM would, and let the alias name the newest.

        SAM hashes the code, and some or all properties as they are written, before any
        Ref is resolved: a parameter's new value publishes nothing
        (https://github.com/aws/serverless-application-model/issues/3820), nor does a
        layer's new content, but for PublishLambdaVersion.
        """
        logical_id, given = function.logical_id, self._given(function.logical_id)
        seen: list[Any] = [self._digest(self._directory / given["CodeUri"])]
        if given.get("AutoPublishAliasAllProperties"):
            seen.append({k: v for k, v in given.items() if k != "CodeUri"})
            for layer in self._layers(function):
                details = self._given(layer)
                if details.get("PublishLambdaVersion"):
                    seen += [self._digest(self._packages(layer)), details]
        else:
            seen += [given.get("Environment"), given.get("MemorySize")]
        made_of = json.dumps(seen, sort_keys=True)
        functions = self._services.functions
        if made_of != self._before.published.get(logical_id):
            newest = functions.publish(function.name)
            functions.point(function.name, alias, newest.version)
        self._stack.published[logical_id] = made_of

    def _digest(self, folder: Path) -> str:
        """Return what stands for a folder's content, whatever the folder is called."""
        if folder not in self._digests:
            found = hashlib.sha256()
            for path in sorted(folder.rglob("*")):
                if path.is_file() and path.suffix != ".pyc":
                    found.update(str(path.relative_to(folder)).encode())
                    found.update(path.read_bytes())
            self._digests[folder] = found.hexdigest()
        return self._digests[folder]

    def _layers(self, function: Resource) -> list[str]:
        """Return the logical ids of a function's layers; others are not modelled."""
        kind = "AWS::Serverless::LayerVersion"
        ours = {
            TYPES[kind].arn(self._name(logical_id)): logical_id
            for logical_id, resource in self._resources.items()
            if resource["Type"] == kind
        }
        wanted = function.properties.get("Layers", [])
        for layer in wanted:
            if layer not in ours:
                raise NotModelled(f"{function.logical_id}: layer {layer}")
        return [ours[layer] for layer in wanted]

    def _packages(self, layer: str) -> Path:
        """Return the folder of a layer's packages, before they are built."""
        return self._directory / str(self._given(layer)["ContentUri"]) / "src"

    def _invoked(self, function: Resource) -> str:
        """Return the ARN that a function's own events invoke: its alias, if any."""
        alias = function.properties.get("AutoPublishAlias")
        return f"{function.arn}:{alias}" if alias else function.arn

    def _event(self, function: Resource, name: str, event: Mapping[str, Any]) -> None:
        place = f"{function.logical_id}: event {name}"
        details = dict(event.get("Properties", {}))
        match event["Type"]:
            case "SQS":
                queue = details.pop("Queue")
                self._feed(place, self._invoked(function), queue, details)
            case "EventBridgeRule":
                _only(place, details, "Pattern State DeadLetterConfig RetryPolicy")
                target = {
                    "Id": name,
                    "Arn": self._invoked(function),
                    **{
                        key: details[key]
                        for key in ("DeadLetterConfig", "RetryPolicy")
                        if key in details
                    },
                }
                self._services.events.rule(
                    Rule(
                        f"{function.name}-{name}",
                        details["Pattern"],
                        [self._target(place, target)],
                        details.get("State", "ENABLED") == "ENABLED",
                    )
                )
            case other:
                raise NotModelled(f"{place}: type {other}")

    def _mapping(self, resource: Resource) -> None:
        details = dict(resource.properties)
        details.pop("Tags", None)
        function = details.pop("FunctionName")
        queue = details.pop("EventSourceArn")
        self._feed(resource.logical_id, function, queue, details)

    def _feed(
        self, place: str, function: str, queue_arn: str, details: Mapping[str, Any]
    ) -> None:
        _only(
            place,
            details,
            "BatchSize MaximumBatchingWindowInSeconds ScalingConfig "
            "FunctionResponseTypes Enabled",
        )
        if details.get("Enabled", True) is not True:
            return
        batch = int(details.get("BatchSize", 10))
        window = float(details.get("MaximumBatchingWindowInSeconds", 0))
        if batch > 10 and window < 1:  # noqa: PLR2004  with-sqs.html
            raise InvalidTemplate(f"{place}: a BatchSize above 10 needs a window")
        queue = self._queue_by_arn(queue_arn)
        timeout = self._services.functions.find(function).timeout_seconds
        if queue.visibility_seconds < timeout:
            raise InvalidTemplate(
                f"{place}: the queue's VisibilityTimeout is below the function's "
                "Timeout"
            )
        concurrency = details.get("ScalingConfig", {}).get("MaximumConcurrency")
        if concurrency is not None and int(concurrency) < 2:  # noqa: PLR2004
            raise InvalidTemplate(f"{place}: MaximumConcurrency is at least 2")
        self._services.mappings.create(
            SourceMapping(
                queue,
                function,
                batch,
                window,
                None if concurrency is None else int(concurrency),
                "ReportBatchItemFailures" in details.get("FunctionResponseTypes", []),
            )
        )

    def _state_machine(self, resource: Resource) -> None:
        properties = resource.properties
        if properties.get("Type", "STANDARD") != "STANDARD":
            raise NotModelled(f"{resource.logical_id}: Type {properties['Type']}")
        if "DefinitionUri" in properties:
            source = str(properties["DefinitionUri"])
            text = (self._directory / source).read_text()
        else:
            source = resource.logical_id
            text = json.dumps(properties["Definition"])
        substitutions = properties.get("DefinitionSubstitutions", {})
        for name, value in substitutions.items():
            if f"${{{name}}}" not in text:
                raise InvalidTemplate(f"{source} does not use the substitution {name}")
            text = text.replace(f"${{{name}}}", str(value))
        left = re.search(r"\$\{[A-Za-z0-9]+\}", text)
        if left:
            raise InvalidTemplate(f"{source}: nothing substitutes {left.group()}")
        self._services.states.create(resource.name, load(text, source))

    def _queue(self, resource: Resource) -> None:
        properties = resource.properties
        redrive = properties.get("RedrivePolicy", {})
        known = self._before.queues.get(resource.logical_id)
        queue = known or Queue(self._services.clock, resource.name)
        queue.visibility_seconds = float(properties.get("VisibilityTimeout", 30))
        queue.max_receive_count = int(redrive.get("maxReceiveCount", 0))
        self._stack.queues[resource.logical_id] = queue
        for logical_id, queue in self._stack.queues.items():
            policy = self._stack.resource(logical_id).properties.get("RedrivePolicy")
            if policy and queue.dead_letters is None:
                target = policy["deadLetterTargetArn"]
                queue.dead_letters = self._known_queues().get(target)

    def _table(self, resource: Resource) -> None:
        before = self._before.resources.get(resource.logical_id)
        if before is None:
            _make_table(resource)
        elif before.properties != resource.properties:
            raise NotModelled(f"an update of table {resource.logical_id}")

    def _bucket(self, resource: Resource) -> None:
        before = self._before.resources.get(resource.logical_id)
        if before is None:
            make_bucket(resource.name, resource.properties)
            self._services.buckets.tag(
                resource.name, self._stack.name, resource.logical_id
            )
        elif before.properties != resource.properties:
            raise NotModelled(f"an update of bucket {resource.logical_id}")

    def _bucket_policy(self, resource: Resource) -> None:
        """Take a policy that says nothing of calls over TLS; others are not modelled.

        It is not moto's to keep: moto takes no notice of conditions.
        """
        if resource.properties["Bucket"] not in self._stack.buckets.values():
            raise InvalidTemplate(
                f"no bucket is called {resource.properties['Bucket']}"
            )
        statements = resource.properties["PolicyDocument"]["Statement"]
        for one in statements if isinstance(statements, list) else [statements]:
            if not denies_plain_http(one):
                raise NotModelled(f"a bucket policy's statement {one}")

    def _topic(self, resource: Resource) -> None:
        for subscription in resource.properties.get("Subscription", []):
            _subscription(subscription)
        self._services.topics.setdefault(resource.name, Topic(resource.name))

    def _rule(self, resource: Resource) -> None:
        properties = resource.properties
        if properties.get("EventBusName", "default") != "default":
            raise NotModelled(f"event bus {properties['EventBusName']}")
        pattern = properties.get("EventPattern")
        schedule = properties.get("ScheduleExpression")
        if pattern is None and schedule is None:
            raise InvalidTemplate("a rule needs EventPattern or ScheduleExpression")
        self._services.events.rule(
            Rule(
                resource.name,
                pattern,
                [
                    self._target(resource.logical_id, target)
                    for target in properties["Targets"]
                ],
                properties.get("State", "ENABLED") == "ENABLED",
                None if schedule is None else _rate_seconds(schedule),
            )
        )

    def _target(self, place: str, target: Mapping[str, Any]) -> RuleTarget:
        _only(place, target, "Id Arn DeadLetterConfig RetryPolicy")
        policy = target.get("RetryPolicy", {})
        _only(place, policy, "MaximumRetryAttempts MaximumEventAgeInSeconds")
        dead_letters = target.get("DeadLetterConfig", {}).get("Arn")
        found = RuleTarget(
            self._destination(target["Arn"]),
            self._queue_by_arn(dead_letters) if dead_letters else None,
        )
        if "MaximumRetryAttempts" in policy:
            found.max_retries = int(policy["MaximumRetryAttempts"])
        return found

    def _destination(self, target_arn: str) -> Target:
        service = target_arn.split(":")[2]
        if service == "sqs":
            return self._queue_by_arn(target_arn)
        if service == "sns":
            name = target_arn.rpartition(":")[2]
            if name in self._services.topics:
                return self._services.topics[name]
        if service == "lambda":
            return _FunctionTarget(
                target_arn, self._services.clock, self._services.functions
            )
        raise NotModelled(f"rule target {target_arn}")

    def _known_queues(self) -> dict[str, Queue]:
        return {queue.arn: queue for queue in self._stack.queues.values()}

    def _queue_by_arn(self, queue_arn: str) -> Queue:
        found = self._known_queues().get(queue_arn)
        if found is None:
            raise InvalidTemplate(f"no queue has the ARN {queue_arn}")
        return found

    # ----------------------------------------------------------------------------- IAM

    def _actions(self, properties: Mapping[str, Any]) -> Iterable[str]:
        """List the actions that a function's or state machine's role allows."""
        if "Role" in properties:
            yield from self._role_actions(properties["Role"])
        policies = properties.get("Policies", [])
        for policy in policies if isinstance(policies, list) else [policies]:
            if isinstance(policy, str):
                yield from self._managed_actions(policy)
            elif "Statement" in policy:
                yield from allowed_actions(policy)
            else:
                raise NotModelled(f"policy template {next(iter(policy))}")

    def _role_actions(self, role: str) -> Iterable[str]:
        for logical_id, resource in self._resources.items():
            if resource["Type"] != "AWS::IAM::Role":
                continue
            if role_arn(self._name(logical_id)) != role:
                continue
            properties = self._resolver.resolve(resource["Properties"])
            for policy in properties.get("Policies", []):
                yield from allowed_actions(policy["PolicyDocument"])
            for managed in properties.get("ManagedPolicyArns", []):
                yield from self._managed_actions(managed)
            return
        raise InvalidTemplate(f"the template has no role {role}")

    def _managed_actions(self, policy: str) -> Iterable[str]:
        for logical_id, resource in self._resources.items():
            if resource["Type"] != "AWS::IAM::ManagedPolicy":
                continue
            if policy_arn(self._name(logical_id)) == policy:
                document = resource["Properties"]["PolicyDocument"]
                yield from allowed_actions(self._resolver.resolve(document))
                return
        if policy.rpartition("/")[2] not in BASIC_POLICIES:
            raise NotModelled(f"managed policy {policy}")

    def _check_permissions(self) -> None:
        """Refuse rules whose targets would not let EventBridge in."""
        open_targets = set(self._opened_to_events())
        for rule in self._services.events.rules.values():
            for target in rule.targets:
                needed = [target.target.arn]
                if target.dead_letters is not None:
                    needed.append(target.dead_letters.arn)
                for target_arn in needed:
                    if target_arn not in open_targets:
                        raise InvalidTemplate(
                            f"rule {rule.name}: no policy lets events.amazonaws.com "
                            f"use {target_arn}"
                        )

    def _opened_to_events(self) -> Iterable[str]:
        queues = {
            queue_url(queue.name): queue.arn for queue in self._stack.queues.values()
        }
        for resource in self._stack.resources.values():
            properties = resource.properties
            if resource.type == "AWS::SQS::QueuePolicy":
                if lets_events_in(properties["PolicyDocument"], "sqs:SendMessage"):
                    yield from (queues.get(url, url) for url in properties["Queues"])
            elif resource.type == "AWS::SNS::TopicPolicy":
                if lets_events_in(properties["PolicyDocument"], "sns:Publish"):
                    yield from properties["Topics"]
            elif resource.type == "AWS::Lambda::Permission":
                if properties["Principal"] == "events.amazonaws.com":
                    name = properties["FunctionName"]
                    yield self._services.functions.arn(name)
            elif resource.type == "AWS::Serverless::Function":
                # SAM adds the permission for an event of its own.
                events = properties.get("Events", {}).values()
                if any(event["Type"] == "EventBridgeRule" for event in events):
                    yield self._invoked(resource)

    def _check_machines(self) -> None:
        """Refuse state machines that name nothing, or lack the right to call it."""
        for resource in self._stack.resources.values():
            if resource.type != "AWS::Serverless::StateMachine":
                continue
            definition = self._services.states.machines[resource.arn].definition
            allowed = {a.lower() for a in self._actions(resource.properties)}
            for needed, place in self._calls(definition):
                if not {needed.lower(), f"{needed.split(':')[0]}:*", "*"} & allowed:
                    raise InvalidTemplate(
                        f"{resource.logical_id}: {place} needs {needed}"
                    )

    def _calls(self, definition: Definition) -> Iterable[tuple[str, str]]:
        for state in definition.every_state():
            place = f"{definition.source}, state {state.name}"
            called = state.fields.get("Arguments", {})
            if state.fields.get("Resource") in FUNCTION_RESOURCES:
                yield "lambda:InvokeFunction", place
                name = called["FunctionName"]
                try:
                    if not is_expression(name):
                        self._services.functions.find(name)
                except UnknownFunction as error:
                    raise InvalidTemplate(f"{place}: {error}") from error
            elif state.fields.get("Resource") == START_EXECUTION:
                yield "states:StartExecution", place
                machine = called["StateMachineArn"]
                known = self._services.states.machines
                if not is_expression(machine) and machine not in known:
                    raise InvalidTemplate(f"{place}: no state machine {machine}")


@dataclass(frozen=True, slots=True)
class _FunctionTarget:
    """A function as a rule's target."""

    arn: str
    clock: Clock
    functions: Functions

    async def deliver(self, event: dict[str, Any]) -> None:
        """Invoke asynchronously (invocation-async-error-handling.html).

        Lambda takes the event, tries it three times in all, and then drops it.
        """
        for wait_seconds in _ASYNCHRONOUS_WAITS:
            await self.clock.sleep(wait_seconds)
            try:
                await self.functions.invoke(self.arn, event)
            except FunctionError:
                continue
            return


def _rate_seconds(expression: str) -> float:
    """Read a rate (eb-rate-expressions.html)."""
    if expression.startswith("cron("):
        raise NotModelled(f"ScheduleExpression {expression}")
    read = _RATE.fullmatch(expression)
    if read is None or (read["plural"] == "s") == (int(read["value"]) == 1):
        raise InvalidTemplate(f"ScheduleExpression {expression} is no rate")
    return float(read["value"]) * _RATE_UNITS[read["unit"]]


def _only(place: str, properties: Mapping[str, Any], names: str) -> None:
    for key in sorted(set(properties) - words(names)):
        raise NotModelled(f"{place}: {key}")


def _with_globals(
    document: Mapping[str, Any], kind: str, properties: Mapping[str, Any]
) -> dict[str, Any]:
    """Merge in the Globals (sam-specification-template-anatomy-globals.html).

    Mappings are merged deep, lists are added, other values are replaced.
    """
    section = kind.removeprefix("AWS::Serverless::")
    return dict(_merge(document.get("Globals", {}).get(section, {}), properties))


def _merge(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        merged = dict(below)
        for key, value in above.items():
            merged[key] = _merge(below[key], value) if key in below else value
        return merged
    if isinstance(below, list) and isinstance(above, list):
        return [*below, *above]
    return above


def _subscription(properties: Mapping[str, Any]) -> None:
    """Accept a subscription by e-mail: the mail is not modelled."""
    if properties["Protocol"] != "email":
        raise NotModelled(f"a subscription by {properties['Protocol']}")


def _make_table(resource: Resource) -> None:
    properties = resource.properties
    dynamodb = client("dynamodb")
    plain = (
        "AttributeDefinitions",
        "KeySchema",
        "BillingMode",
        "GlobalSecondaryIndexes",
        "Tags",
    )
    dynamodb.create_table(
        TableName=resource.name,
        **{key: properties[key] for key in plain if key in properties},
    )
    if "TimeToLiveSpecification" in properties:
        dynamodb.update_time_to_live(
            TableName=resource.name,
            TimeToLiveSpecification=properties["TimeToLiveSpecification"],
        )
    recovery = properties.get("PointInTimeRecoverySpecification", {})
    if recovery.get("PointInTimeRecoveryEnabled"):
        dynamodb.update_continuous_backups(
            TableName=resource.name,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )
