"""boto3, routed in process: every AWS call of this process ends in the active router.

The SDK stays whole: parameters are validated and serialised, answers are parsed from
the wire format of the service's own model, and errors are retried as on AWS. Only the
network is missing, and what nobody here would read: signatures and the user agent.
Import this module before the first boto3 client is made: clients take over the hooks
that are registered at that time.
"""

import asyncio
import copy
import json
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from http import HTTPStatus
from inspect import isawaitable
from types import TracebackType
from typing import Any, Protocol, Self, cast, override
from xml.sax.saxutils import escape

import botocore.endpoint
import botocore.session
import moto.core.responses
from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.handlers import BUILTIN_HANDLERS
from botocore.loaders import Loader, create_loader
from botocore.model import OperationModel
from botocore.regions import EndpointRulesetResolver
from botocore.useragent import UserAgentString
from botocore.validate import ParamValidator
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber

from localcloud import blocking
from localcloud.answers import written
from localcloud.clock import Clock
from localcloud.s3_actions import s3_actions

REGION = "eu-west-1"
ACCOUNT = "111122223333"

STORED_BY_MOTO = frozenset(
    {
        "acm",
        "dynamodb",
        "ec2",
        "elbv2",
        "logs",
        "route53",
        "s3",
        "servicediscovery",
        "sts",
    }
)
"""Services whose state moto keeps; it answers what no `serve` takes over."""

STEADY = frozenset({"ec2", "elbv2", "logs"})
"""Those in which nothing changes but by calls of them: an answer holds until then."""

READS = ("Describe", "Get", "List")
"""How operations of these services begin that change nothing."""

API_LATENCY_SECONDS = 0.03
"""Modelled time of a call from inside a function: a usual one inside a region."""

STORED: Mapping[str, Any] = {}
"""What an operation returns, itself, to let moto answer the call after all."""

type Parameters = dict[str, Any]
type Answer = Mapping[str, Any] | None
type Operation = Callable[[Parameters], Answer | Awaitable[Answer]]
type Before = Callable[[str, str, Parameters, str | None], Awaitable[None] | None]
type After = Callable[[Parameters], object]
type _Stored = tuple[int, dict[str, str], bytes]
type Watch = Callable[["Call"], object]
type Disturbance = Callable[["Call"], "Fault | None"]


class NotModelled(Exception):
    """Something that the local cloud does not know: never answered by a guess."""


class AwsError(Exception):
    """An error answer of AWS, as `ClientError` will carry it."""

    def __init__(
        self, code: str, message: str, status: int = HTTPStatus.BAD_REQUEST, **more: Any
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = int(status)
        self.more = more
        """Further members of the error's shape."""


def only(params: Mapping[str, Any], *names: str) -> None:
    """Raise NotModelled where a call has a parameter that is not named here."""
    unknown = sorted(set(params) - set(names))
    if unknown:
        raise NotModelled(f"parameter {', '.join(unknown)}")


@dataclass(frozen=True, slots=True)
class Call:
    """One AWS call; a retry of the SDK is a call of its own."""

    at: datetime
    caller: str | None
    """The Lambda function that called; None for anything else."""
    service: str
    operation: str
    params: Parameters
    request: Any = None
    """What the function was invoked with."""

    def __str__(self) -> str:
        """Name it as IAM does, such as ecs:UpdateService."""
        return f"{self.service}:{self.operation}"


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of one call, where it is not an effect and its answer at once."""

    wait_seconds: float = 0.0
    """Before anything else happens."""
    takes_effect: bool = True
    lands_seconds: float = 0.0
    """After which it takes effect; what fails meanwhile fails without it."""
    failure: BaseException | None = None
    """What the caller gets instead of the answer: an AwsError, an error of the HTTP
    client, or blocking.Killed."""
    silence_seconds: float = 0.0
    """How long the caller waits for its failure."""
    frozen_seconds: float = 0.0
    """How long the caller stands still once it has its answer."""


class Principal(Protocol):
    """A function as IAM sees it, while it serves a request."""

    @property
    def request(self) -> Any:
        """What the function was invoked with."""

    @property
    def name(self) -> str:
        """The function's name."""

    def allows(self, action: str) -> bool:
        """Say whether its role allows an action, such as ecs:UpdateService."""


@dataclass(slots=True)
class _Request:
    """One call between its parameters and its answer."""

    model: OperationModel
    params: Parameters
    http: AWSPreparedRequest | None = None

    @property
    def service(self) -> str:
        return str(self.model.service_model.service_name)

    @property
    def operation(self) -> str:
        return str(self.model.name)

    @property
    def is_read(self) -> bool:
        return self.operation.startswith(READS)


class Router:
    """Answers the AWS calls of this process while it is active."""

    def __init__(
        self, clock: Clock, latency_seconds: float = API_LATENCY_SECONDS
    ) -> None:
        self.clock = clock
        self.latency_seconds = latency_seconds
        self.calls: list[Call] = []
        self.not_modelled: list[NotModelled] = []
        """What was asked for in vain, also where the caller caught the exception."""
        self._operations: dict[str, dict[str, Operation]] = {}
        self.disturb: Disturbance | None = None
        """Says which fault a function's call meets, if any: what a test sets."""
        self._before: list[Before] = []
        self._watches: list[Watch] = []
        self._landing: set[asyncio.Task[None]] = set()
        self._read: dict[str, _Stored] = {}
        """What moto answered since it last had something to change."""
        self._after: dict[tuple[str, str], list[After]] = {}

    def serve(self, service: str, operations: Mapping[str, Operation]) -> None:
        """Answer operations of a service (by its boto3 name) with these functions."""
        self._operations.setdefault(service, {}).update(operations)

    def before(self, hook: Before) -> None:
        """Call the hook before each call; what it raises is the call's answer."""
        self._before.append(hook)

    def watch(self, hook: Watch) -> None:
        """Call the hook with each call at the moment before it takes effect."""
        self._watches.append(hook)

    def after(self, service: str, operation: str, hook: After) -> None:
        """Call the hook with the parameters of each successful call."""
        self._after.setdefault((service, operation), []).append(hook)

    def activate(self) -> None:
        """Take this process's AWS calls from now on."""
        if _active:
            raise RuntimeError("another local cloud is active in this process")
        _active.append(self)
        vars(botocore.endpoint)["time"] = _RetryTime(self)

    def deactivate(self) -> None:
        """Leave this process's AWS calls to others."""
        _active.remove(self)
        vars(botocore.endpoint)["time"] = time

    def __enter__(self) -> Self:
        self.activate()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.deactivate()

    def _send(self, request: _Request) -> AWSResponse:
        """Answer a request, from blocking code or from the loop itself."""
        call = blocking.current()
        if call is None:
            return _at_once(self._answer(request, None), request)
        return blocking.wait(self._answer_late(request, call.owner))

    async def _answer_late(
        self, request: _Request, principal: Principal | None
    ) -> AWSResponse:
        await self.clock.sleep(self.latency_seconds)
        return await self._answer(request, principal)

    async def _answer(
        self, request: _Request, principal: Principal | None
    ) -> AWSResponse:
        caller = principal.name if principal else None
        call = Call(
            self.clock.now(),
            caller,
            request.service,
            request.operation,
            request.params,
            principal.request if principal else None,
        )
        self.calls.append(call)
        try:
            for hook in self._before:
                waiting = hook(call.service, call.operation, call.params, caller)
                if waiting is not None:
                    await waiting
            if principal:
                _authorize(request, principal)
            fault = self.disturb(call) if self.disturb and principal else None
            if fault is not None:
                response = await self._suffer(fault, request, call)
            else:
                response = await self._take_effect(request, call)
            if principal:
                _hide_absence(request, response, principal)
            return response  # noqa: TRY300  hiding may fail it
        except AwsError as error:
            return _error_response(request, error)
        except NotModelled as gap:
            gap.add_note(f"in {call}")
            self.not_modelled.append(gap)
            raise

    async def _suffer(self, fault: Fault, request: _Request, call: Call) -> AWSResponse:
        await self.clock.sleep(fault.wait_seconds)
        if fault.failure is None:
            await self.clock.sleep(fault.lands_seconds)
            response = await self._take_effect(request, call)
            await self.clock.sleep(fault.frozen_seconds)
            return response
        if fault.takes_effect:
            landing = asyncio.create_task(self._land(fault, request, call))
            self._landing.add(landing)
            landing.add_done_callback(self._landing.discard)
        await self.clock.sleep(fault.silence_seconds)
        raise fault.failure

    async def _land(self, fault: Fault, request: _Request, call: Call) -> None:
        """Take an effect whose answer nobody gets."""
        await self.clock.sleep(fault.lands_seconds)
        try:
            await self._take_effect(request, call)
        except AwsError:
            return
        except NotModelled as gap:
            self.not_modelled.append(gap)

    async def _take_effect(self, request: _Request, call: Call) -> AWSResponse:
        for watch in self._watches:
            watch(call)
        response = await self._execute(request)
        if response.status_code < HTTPStatus.MULTIPLE_CHOICES:
            for observe in self._after.get((call.service, call.operation), ()):
                observe(call.params)
        return response

    async def _execute(self, request: _Request) -> AWSResponse:
        try:
            return await self._executed(request)
        finally:
            if request.service in STEADY and not request.is_read:
                self._read.clear()

    async def _executed(self, request: _Request) -> AWSResponse:
        served = self._operations.get(request.service, {})
        operation = served.get(request.operation)
        if operation is not None:
            answer = operation(_copied(request.params))
            if isawaitable(answer):
                answer = await answer
            if answer is not STORED:
                return _response(request, answer or {})
        if request.service in STORED_BY_MOTO:
            return _http(request, *self._stored(request))
        raise NotModelled(f"{request.service}:{request.operation}")

    def _stored(self, request: _Request) -> _Stored:
        """Let moto answer: once, where it would say the same again."""
        if request.service not in STEADY or not request.is_read:
            return _stored(request)
        said = json.dumps(request.params, sort_keys=True, default=str)
        key = f"{request.service}:{request.operation} {said}"
        if key in self._read:
            return self._read[key]
        answer = _stored(request)
        if answer[0] == HTTPStatus.OK and b"provisioning" not in answer[2]:
            # A load balancer becomes active by being looked at: moto's measure of time.
            self._read[key] = answer
        return answer


_active: list[Router] = []


class _RetryTime:
    """Stands in for the time module where the SDK sleeps between retries."""

    def __init__(self, router: Router) -> None:
        self._router = router

    def sleep(self, seconds: float) -> None:
        clock = self._router.clock
        if blocking.current() is not None:
            blocking.wait(clock.sleep(seconds))
        elif not clock.virtual:
            time.sleep(seconds / clock.factor)


def _at_once(
    answer: Coroutine[Any, Any, AWSResponse], request: _Request
) -> AWSResponse:
    """Run a coroutine that has nothing to wait for."""
    try:
        answer.send(None)
    except StopIteration as done:
        return cast("AWSResponse", done.value)
    answer.close()
    raise RuntimeError(
        f"{request.service}:{request.operation} takes time here: call it from code "
        "run by localcloud.blocking.spawn"
    )


# ------------------------------------------------------------------ IAM (actions only)

_IAM_PREFIX = {"cloudwatch": "cloudwatch"}
"""Where the prefix of IAM actions is not the service's signing name."""

_TAKES_ROLES = {"RegisterTaskDefinition", "CreateService", "UpdateService"}
_ROLES = {"taskRoleArn", "executionRoleArn", "taskDefinition"}

_TRANSACTION = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}


def actions(service_model: Any, operation: str, params: Parameters) -> list[str]:
    """Name the IAM actions that a call needs (Service Authorization Reference).

    A transaction needs the action of each of its items. Handing roles to ECS needs
    iam:PassRole: with a task definition, and again with the service that is to run it;
    tags at creation need ecs:TagResource (ECS guide, supported-iam-actions-tagging).
    Application Auto Scaling asks what it will do in the caller's name, too
    (Application Auto Scaling user guide, security_iam_permission_validation; for ECS:
    ECS guide, auto-scaling-IAM).
    Resources and conditions of statements are not looked at.
    """
    service = service_model.service_name
    if service == "s3":
        known = s3_actions(operation, params)
        if known is None:
            raise NotModelled(f"the IAM action of s3:{operation}")
        return known
    prefix = _IAM_PREFIX.get(service, service_model.signing_name)
    if operation in {"TransactWriteItems", "TransactGetItems"}:
        kinds = sorted({kind for item in params["TransactItems"] for kind in item})
        return [f"{prefix}:{_TRANSACTION[kind]}" for kind in kinds]
    needed = [f"{prefix}:{operation}"]
    if operation in _TAKES_ROLES and _ROLES & set(params):
        needed.append("iam:PassRole")
    if service == "ecs" and params.get("tags"):
        needed.append("ecs:TagResource")
    if operation == "RequestCertificate" and params.get("Tags"):
        needed.append("acm:AddTagsToCertificate")
    if operation == "RegisterScalableTarget":
        needed += ["ecs:DescribeServices", "ecs:UpdateService"]
    return needed


def _authorize(request: _Request, principal: Principal) -> None:
    service_model = request.model.service_model
    for action in actions(service_model, request.operation, request.params):
        if not principal.allows(action):
            raise _denied(request, principal, action)


def _denied(request: _Request, principal: Principal, action: str) -> AwsError:
    xml = request.model.service_model.resolved_protocol in {"query", "rest-xml"}
    return AwsError(
        "AccessDenied" if xml else "AccessDeniedException",
        f"the role of function {principal.name} does not allow {action}",
        HTTPStatus.FORBIDDEN if xml else HTTPStatus.BAD_REQUEST,
    )


def _hide_absence(
    request: _Request, response: AWSResponse, principal: Principal
) -> None:
    """Deny an object that is not there to who may not list the bucket.

    Only who has s3:ListBucket gets 404; others get 403 (API_GetObject, API_HeadObject).
    """
    missing = response.status_code == HTTPStatus.NOT_FOUND
    if request.service != "s3" or not missing:
        return
    if request.operation not in {"GetObject", "HeadObject"}:
        return
    if not principal.allows("s3:ListBucket"):
        raise _denied(request, principal, "s3:ListBucket")


# ----------------------------------------------------------------------- wire formats

_validator = ParamValidator()


def _response(request: _Request, answer: Mapping[str, Any]) -> AWSResponse:
    shape = request.model.output_shape
    if shape is not None:
        report = _validator.validate(answer, shape)
        if report.has_errors():
            raise TypeError(
                f"the local answer of {request.service}:{request.operation} does not "
                f"fit its model: {report.generate_report()}"
            )
    return _http(request, *written(request.model, answer))


def _error_response(request: _Request, error: AwsError) -> AWSResponse:
    metadata = request.model.service_model.metadata
    protocol = request.model.service_model.resolved_protocol
    if protocol in {"json", "rest-json"}:
        headers = {"x-amzn-errortype": error.code}
        if "awsQueryCompatible" in metadata:
            headers["x-amzn-query-error"] = f"{error.code};Sender"
        body = {"__type": error.code, "message": error.message, **error.more}
        return _http(request, error.status, headers, json.dumps(body, default=str))
    inner = (
        f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    )
    if protocol == "ec2":
        text = f"<Response><Errors><Error>{inner}</Error></Errors></Response>"
    elif request.service == "s3":
        heads = request.model.http.get("method") == "HEAD"
        text = "" if heads else f"<Error>{inner}</Error>"
    else:
        text = f"<ErrorResponse><Error>{inner}</Error></ErrorResponse>"
    return _http(request, error.status, {"Content-Type": "text/xml"}, text)


def _stored(request: _Request) -> _Stored:
    if request.http is None:
        raise RuntimeError("a request reached moto before it was prepared")
    result = botocore_stubber.process_request(request.http)
    if result is None:
        raise NotModelled(f"{request.service}:{request.operation} (moto)")
    status, headers, body = result
    if status == HTTPStatus.NOT_FOUND and body == "Not yet implemented":
        raise NotModelled(f"{request.service}:{request.operation} (moto)")
    content = body.encode() if isinstance(body, str) else body
    return status, dict(headers), content


def _http(
    request: _Request, status: int, headers: Mapping[str, str], body: str | bytes
) -> AWSResponse:
    url = request.http.url if request.http else ""
    return AWSResponse(url, status, dict(headers), MockRawResponse(body))  # type: ignore[arg-type]


# -------------------------------------------------------------------- botocore's hooks


# Pure, and asked for the same few things at every call.
vars(moto.core.responses)["method_names_from_class"] = cache(
    vars(moto.core.responses)["method_names_from_class"]
)


class _Paths(list[str]):
    """Search paths: each session of boto3 adds the same one."""

    @override
    def append(self, path: str, /) -> None:
        if path not in self:
            super().append(path)


@cache
def _loader(folder: str | None = None) -> Loader:
    """Let all sessions share what is read of services: their descriptions are data."""
    loader = create_loader(folder)
    vars(loader)["_search_paths"] = _Paths(loader.search_paths)
    return loader


vars(botocore.session)["create_loader"] = _loader


def _endpoint(
    self: EndpointRulesetResolver,
    operation_model: OperationModel,
    call_args: Parameters | None,
    request_context: dict[str, Any] | None,
    resolve: Any = EndpointRulesetResolver.construct_endpoint,
) -> Any:
    """Evaluate a service's rules once for all calls that they cannot tell apart.

    What tells them apart are the parameters that the model names. S3 asks its hooks.
    """
    model = operation_model
    if model.service_model.service_name == "s3" or model.operation_context_parameters:
        return resolve(self, model, call_args, request_context)
    given = call_args or {}
    told = (given.get(named.member_name) for named in model.context_parameters)
    known: dict[tuple[str, ...], Any] = vars(self).setdefault("_localcloud", {})
    key = model.name, *map(str, told)
    if key not in known:
        known[key] = resolve(self, model, call_args, request_context)
    return known[key]


def _user_agent(_: UserAgentString) -> str:
    """Say who calls: the SDK tells twice a call what nobody here reads."""
    return "localcloud"


# setattr, for type checkers: methods are not to be replaced, but for these.
setattr(EndpointRulesetResolver, "construct_endpoint", _endpoint)  # noqa: B010
setattr(UserAgentString, "to_string", _user_agent)  # noqa: B010


class _Hooks:
    """Follows a call through botocore's events, from its parameters to its sending.

    `before-send` knows the HTTP request only. The parameters travel in the request's
    context, which `request-created` sees; nothing else runs between these two events.
    """

    _KEY = "localcloud"

    def __init__(self) -> None:
        self._sending: _Request | None = None

    def parameters(
        self,
        params: Parameters,
        model: OperationModel,
        context: dict[str, Any],
        **_: Any,
    ) -> None:
        if _active:
            context[self._KEY] = _Request(model, params)

    def created(self, request: AWSRequest, **_: Any) -> None:
        self._sending = request.context.get(self._KEY)

    def unsigned(self, **_: Any) -> Any:
        return UNSIGNED if _active else None

    def send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        if not _active:
            return None
        sending, self._sending = self._sending, None
        if sending is None:
            raise NotModelled(f"a request to {request.url} that no client call made")
        request.headers["Authorization"] = _AUTHORIZATION.format(
            sending.model.service_model.signing_name
        )
        sent = _Request(sending.model, _as_sent(sending.model, sending.params), request)
        return _active[-1]._send(sent)  # noqa: SLF001  the hook is the router's door


def _as_sent(model: OperationModel, params: Parameters) -> Parameters:
    """Return parameters as they are now: all but a stream, which cannot be copied."""
    stream = None
    if model.has_streaming_input and model.input_shape is not None:
        stream = model.input_shape.serialization.get("payload")
    return {
        key: value if key == stream else _copied(value) for key, value in params.items()
    }


def _copied(value: Any) -> Any:
    """Return a deep copy; of parameters, which are a tree, this is the quicker way."""
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_copied(inner) for inner in value]
    if isinstance(value, _UNCHANGING):
        return value
    return copy.deepcopy(value)


_UNCHANGING = (str, int, float, bytes, type(None))

_AUTHORIZATION = (
    f"AWS4-HMAC-SHA256 Credential=local/20260101/{REGION}/{{}}/aws4_request, "
    "SignedHeaders=host, Signature=none"
)
"""Says who calls, where, as moto reads it."""

_hooks = _Hooks()
BUILTIN_HANDLERS.insert(0, ("before-parameter-build", _hooks.parameters))
BUILTIN_HANDLERS.insert(0, ("request-created", _hooks.created))
BUILTIN_HANDLERS.insert(0, ("choose-signer", _hooks.unsigned))
BUILTIN_HANDLERS.insert(0, ("before-send", _hooks.send))
