"""Makes what tests talk about, with every default in sight.

Each builder takes what its test is about by name; the rest is an ordinary orders
service, in account 111122223333, region eu-west-1, and everything began at `START`.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from slipway.domain.control import Answer, Command, Control, Freeze, Verb
from slipway.domain.diagnosis import Finding, Trouble
from slipway.domain.health import Launch, SlotView
from slipway.domain.judge import Evidence, Traffic
from slipway.domain.release import Ask, Cause, Image, Release, release_of
from slipway.domain.rollout import Mark, Rollout, ServiceState, Sides
from slipway.domain.service import (
    ApplicationMetric,
    Binding,
    JudgePolicy,
    Mode,
    RolloutPolicy,
    Scaling,
    Service,
    Slot,
    Step,
)
from slipway.domain.task_shape import (
    Condition,
    EfsVolume,
    HealthCheck,
    MountPoint,
    Platform,
    Protocol,
    Sidecar,
    TaskShape,
    Volume,
)

ACCOUNT = "111122223333"
REGION = "eu-west-1"
START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""When the image was pushed, and all else began."""

DIGEST = "sha256:" + "a1" * 32
OTHER_DIGEST = "sha256:" + "b2" * 32
SUBNETS = ("subnet-0a", "subnet-0b")
ECS = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
ELB = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}"
REVISION = f"{ECS}:task-definition/test-orders:7"
TASK = f"{ECS}:task/test/0123456789abcdef0123456789abcdef"
EVENTS = Path(__file__).parent / "events"


def after(seconds: float) -> datetime:
    """Return the moment so many seconds after everything began."""
    return START + timedelta(seconds=seconds)


def a_binding(number: int = 0) -> Binding:
    """Return the binding with this number; each has its own rules and groups."""
    balancer = f"app/test-public/{number:016x}"
    return Binding(
        listener_arn=f"{ELB}:listener/{balancer}/1111111111111111",
        rule_arn=f"{ELB}:listener-rule/{balancer}/1111111111111111/2222222222222222",
        parking_rule_arn=(
            f"{ELB}:listener-rule/{balancer}/1111111111111111/3333333333333333"
        ),
        target_group_arns={
            slot: f"{ELB}:targetgroup/test-orders-{slot}/{number:016x}" for slot in Slot
        },
    )


def a_network_binding(number: int = 0) -> Binding:
    """Return a binding on a Network Load Balancer, with this number."""
    balancer = f"net/test-wire/{number:016x}"
    groups = f"{ELB}:targetgroup/test-orders-wire"
    return Binding(
        listener_arn=f"{ELB}:listener/{balancer}/1111111111111111",
        rule_arn=None,
        parking_rule_arn=None,
        target_group_arns={slot: f"{groups}-{slot}/{number:016x}" for slot in Slot},
        vacant_group_arn=f"{groups}-0/{number:016x}",
    )


def a_task_shape(
    *,
    cpu: int = 256,
    memory_mib: int = 512,
    port: int | None = 8080,
    execution_role_arn: str = f"arn:aws:iam::{ACCOUNT}:role/execution",
    task_role_arn: str | None = f"arn:aws:iam::{ACCOUNT}:role/orders",
    security_group_ids: tuple[str, ...] = ("sg-0a1b2c3d4e5f60718",),
    environment: Mapping[str, str] | None = None,
    command: tuple[str, ...] = (),
    stop_timeout_seconds: int = 30,
    log_group: str | None = None,
    secrets: Mapping[str, str] | None = None,
    entrypoint: tuple[str, ...] = (),
    health_check: HealthCheck | None = None,
    depends_on: Mapping[str, Condition] | None = None,
    mount_points: tuple[MountPoint, ...] = (),
    read_only_root: bool = False,
    protocol: Protocol = Protocol.HTTP,
    platform: Platform = Platform.X86_64,
    ephemeral_storage_gib: int = 20,
    volumes: tuple[Volume, ...] = (),
    sidecars: tuple[Sidecar, ...] = (),
) -> TaskShape:
    """Return what shapes the tasks of orders."""
    return TaskShape(
        cpu=cpu,
        memory_mib=memory_mib,
        port=port,
        execution_role_arn=execution_role_arn,
        task_role_arn=task_role_arn,
        security_group_ids=security_group_ids,
        environment={"LOG_LEVEL": "info"} if environment is None else environment,
        command=command,
        stop_timeout_seconds=stop_timeout_seconds,
        log_group=log_group,
        secrets=secrets or {},
        entrypoint=entrypoint,
        health_check=health_check,
        depends_on=depends_on or {},
        mount_points=mount_points,
        read_only_root=read_only_root,
        protocol=protocol,
        platform=platform,
        ephemeral_storage_gib=ephemeral_storage_gib,
        volumes=volumes,
        sidecars=sidecars,
    )


def a_health_check(
    *,
    command: tuple[str, ...] = ("CMD", "/bin/probe"),
    interval_seconds: int = 10,
    timeout_seconds: int = 5,
    retries: int = 2,
    start_period_seconds: int = 15,
) -> HealthCheck:
    """Return how ECS asks a container."""
    return HealthCheck(
        command, interval_seconds, timeout_seconds, retries, start_period_seconds
    )


def a_sidecar(
    *,
    name: str = "metrics",
    image: str = "public.ecr.aws/shop/metrics:v3",
    port: int | None = None,
    essential: bool = True,
    cpu: int = 0,
    memory_mib: int | None = None,
    environment: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    entrypoint: tuple[str, ...] = (),
    command: tuple[str, ...] = (),
    health_check: HealthCheck | None = None,
    depends_on: Mapping[str, Condition] | None = None,
    mount_points: tuple[MountPoint, ...] = (),
    stop_timeout_seconds: int = 30,
    linger_seconds: int | None = None,
) -> Sidecar:
    """Return a sidecar of which nothing is said but name and image."""
    return Sidecar(
        name=name,
        image=image,
        port=port,
        essential=essential,
        cpu=cpu,
        memory_mib=memory_mib,
        environment=environment or {},
        secrets=secrets or {},
        entrypoint=entrypoint,
        command=command,
        health_check=health_check,
        depends_on=depends_on or {},
        mount_points=mount_points,
        stop_timeout_seconds=stop_timeout_seconds,
        linger_seconds=linger_seconds,
    )


def a_full_task_shape() -> TaskShape:
    """Return a shape, and a sidecar in it, that say everything there is to say."""
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:orders:key::"
    return a_task_shape(
        environment={"B": "2", "A": "1"},
        command=("serve",),
        stop_timeout_seconds=45,
        log_group="/slipway/test/orders",
        secrets={"TOKEN": "/orders/token", "KEY": secret},
        entrypoint=("/bin/init", "--"),
        health_check=a_health_check(),
        depends_on={"proxy": Condition.HEALTHY, "migrate": Condition.SUCCESS},
        mount_points=(
            MountPoint("carts", "/carts"),
            MountPoint("s", "/s", read_only=False),
        ),
        read_only_root=True,
        protocol=Protocol.GRPC,
        platform=Platform.ARM64,
        ephemeral_storage_gib=40,
        volumes=(
            Volume("s"),
            Volume("carts", EfsVolume("fs-0a1b2c3d", access_point_id="fsap-0a1b2c3d")),
            Volume("media", EfsVolume("fs-0a1b2c3d", root_directory="/media")),
        ),
        sidecars=(
            a_sidecar(
                name="proxy",
                port=9000,
                cpu=64,
                memory_mib=128,
                environment={"LEVEL": "info"},
                secrets={"CERTIFICATE": "/proxy/certificate"},
                entrypoint=("/proxy",),
                command=("--listen", "9000"),
                health_check=a_health_check(command=("CMD-SHELL", "probe || exit 1")),
                depends_on={"migrate": Condition.COMPLETE},
                mount_points=(MountPoint("s", "/shared"),),
                stop_timeout_seconds=60,
                linger_seconds=20,
            ),
            a_sidecar(name="migrate", essential=False),
        ),
    )


def a_policy(
    *,
    steps: tuple[Step, ...] = (Step(10, 300), Step(50, 300), Step(100, 300)),
    judge: JudgePolicy | None = None,
    look_seconds: int = 15,
    max_task_failures: int = 0,
    supersede: bool = True,
    launch_timeout_seconds: int = 900,
    hold_seconds: int = 3600,
    retire_delay_seconds: int = 600,
    restore_timeout_seconds: int = 900,
) -> RolloutPolicy:
    """Return how releases of orders become the primary."""
    return RolloutPolicy(
        steps=steps,
        judge=judge or a_judge_policy(),
        look_seconds=look_seconds,
        max_task_failures=max_task_failures,
        supersede=supersede,
        launch_timeout_seconds=launch_timeout_seconds,
        hold_seconds=hold_seconds,
        retire_delay_seconds=retire_delay_seconds,
        restore_timeout_seconds=restore_timeout_seconds,
    )


def a_judge_policy(
    *,
    max_failure_percent: float = 1.0,
    max_increase_percent: float = 0.5,
    min_requests: int = 50,
    warmup_seconds: int = 30,
    metric_lateness_seconds: int = 120,
    metric: ApplicationMetric | None = None,
) -> JudgePolicy:
    """Return when a candidate counts as good or bad."""
    return JudgePolicy(
        max_failure_percent=max_failure_percent,
        max_increase_percent=max_increase_percent,
        min_requests=min_requests,
        warmup_seconds=warmup_seconds,
        metric_lateness_seconds=metric_lateness_seconds,
        metric=metric,
    )


def a_metric(**more: Any) -> ApplicationMetric:
    """Return what orders counts of itself."""
    usual = {"namespace": "shop", "requests": "Asked", "failures": "Failed"}
    return ApplicationMetric(**(usual | more))


def a_service(
    *,
    name: str = "orders",
    repository: str = "test/orders",
    slots: Mapping[Slot, str] | None = None,
    task: TaskShape | None = None,
    bindings: tuple[Binding, ...] | None = None,
    min_tasks: int = 4,
    max_tasks: int = 10,
    tag_pattern: str = "v*",
    rollout: RolloutPolicy | None = None,
    scaling: Scaling | None = None,
    mode: Mode = Mode.CANARY,
) -> Service:
    """Return a service with one binding."""
    return Service(
        name=name,
        repository=repository,
        registry=f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com",
        slots={s: f"{name}-{s}" for s in Slot} if slots is None else slots,
        task=task or a_task_shape(),
        bindings=(a_binding(),) if bindings is None else bindings,
        min_tasks=min_tasks,
        max_tasks=max_tasks,
        tag_pattern=tag_pattern,
        rollout=rollout or a_policy(),
        scaling=scaling,
        mode=mode,
    )


def a_cause(
    *,
    repository: str = "test/orders",
    tag: str = "v1",
    digest: str = DIGEST,
    pushed_at: datetime = START,
    ask: Ask | None = None,
) -> Cause:
    """Return a push of orders v1; a person's wish for it only where given."""
    return Cause(repository, tag, digest, pushed_at, ask)


def an_ask(
    *,
    command_id: str = "c-1",
    by: str = "ana",
    why: str = "the database is back",
    at: datetime = START,
    rollout_id: str = "orders-0",
) -> Ask:
    """Return a person's wish to see an earlier rollout's release once more."""
    return Ask(command_id, by, why, at, rollout_id)


def an_image(
    *,
    repository: str = "test/orders",
    tag: str = "v1",
    digest: str = DIGEST,
    pushed_at: datetime = START,
) -> Image:
    """Return what the registry holds under v1."""
    return Image(repository, tag, digest, pushed_at)


def a_release(
    *,
    service: Service | None = None,
    digest: str = DIGEST,
    subnet_ids: tuple[str, ...] = SUBNETS,
) -> Release:
    """Return the release that runs an image of orders."""
    return release_of(service or a_service(), digest, subnet_ids=subnet_ids)


def a_rollout(
    *,
    service: Service | None = None,
    cause: Cause | None = None,
    release: Release | None = None,
    created_at: datetime = START,
    sides: Sides | None = None,
) -> Rollout:
    """Return the rollout of a cause; it has sides only where they are given."""
    service, cause = service or a_service(), cause or a_cause()
    return Rollout(
        id=cause.rollout_id(service.name),
        service=service,
        cause=cause,
        release=release or a_release(service=service, digest=cause.digest),
        created_at=created_at,
        sides=sides,
    )


def some_sides(
    *, primary: Slot | None = Slot.A, candidate: Slot = Slot.B, base_tasks: int = 4
) -> Sides:
    """Return sides with slot a in service and slot b free."""
    return Sides(primary, candidate, base_tasks)


def a_state(
    *,
    primary: Slot = Slot.A,
    release_id: str = "0123456789ab",
    rollout_id: str = "orders-0",
    since: datetime = START,
) -> ServiceState:
    """Return the state of a service whose slot a serves."""
    return ServiceState(primary, release_id, rollout_id, since)


def a_mark(
    name: str = "launched",
    *,
    at: datetime = START,
    reason: str = "as planned",
    facts: Mapping[str, float] | None = None,
) -> Mark:
    """Return something that a rollout did."""
    return Mark(name, at, reason, facts or {})


def a_finding(
    task_arn: str = TASK,
    *,
    trouble: Trouble = Trouble.CRASHED,
    reason: str = "Essential container in task exited",
) -> Finding:
    """Return one task's bad end."""
    return Finding(task_arn, trouble, reason)


def a_command(
    verb: Verb = Verb.PAUSE,
    *,
    command_id: str = "c-1",
    service: str | None = "orders",
    by: str = "ana",
    why: str = "the database is ill",
    rollout_id: str | None = None,
    step: int | None = None,
    to: str | None = None,
) -> Command:
    """Return what a person commands of orders, of the rollout under way."""
    return Command(command_id, verb, service, by, why, rollout_id, step, to)


def a_control(
    verb: Verb = Verb.PAUSE,
    *,
    control_id: str = "c-1",
    by: str = "ana",
    why: str = "the database is ill",
    at: datetime = START,
    step: int | None = None,
) -> Control:
    """Return what a rollout has to heed."""
    return Control(control_id, verb, by, why, at, step)


def a_freeze(
    *,
    freeze_id: str = "c-1",
    by: str = "ana",
    why: str = "no changes on Black Friday",
    since: datetime = START,
) -> Freeze:
    """Return why rollouts must not go on."""
    return Freeze(freeze_id, by, why, since)


def an_answer(
    command: Command | None = None,
    *,
    accepted: bool = True,
    reason: str = "it is heeded",
    at: datetime = START,
    rollout_id: str | None = None,
) -> Answer:
    """Return what became of a command: it was accepted."""
    return Answer(command or a_command(), accepted, reason, at, rollout_id)


def a_slot_view(
    *,
    ecs_service: str = "orders-b",
    task_definition_arn: str = REVISION,
    desired: int = 4,
    running: int = 4,
    launch: Launch = Launch.COMPLETED,
    launch_reason: str = "",
) -> SlotView:
    """Return an ECS service whose four tasks run."""
    return SlotView(
        ecs_service, task_definition_arn, desired, running, launch, launch_reason
    )


def some_traffic(requests: float = 1000, *, failures: float = 0) -> Traffic:
    """Return what one slot answered."""
    return Traffic(requests, requests - failures)


def some_evidence(
    *, candidate: Traffic | None = None, primary: Traffic | None = None
) -> Evidence:
    """Return what both sides answered: both well, unless given."""
    return Evidence(candidate or some_traffic(), primary or some_traffic())


def an_event(name: str, **detail: Any) -> dict[str, Any]:
    """Return the sample event of tests/events, with some of its detail replaced."""
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    event["detail"] |= detail
    return event


def without(event: Mapping[str, Any], field: str) -> dict[str, Any]:
    """Return an event without one field of its detail."""
    detail = {key: value for key, value in event["detail"].items() if key != field}
    return {**event, "detail": detail}


def sample_events(*, of: str) -> Sequence[str]:
    """Return the names of the sample events of a kind, such as task-stopped."""
    return sorted(path.stem for path in EVENTS.glob(f"{of}*.json"))
