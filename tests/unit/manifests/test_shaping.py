"""What manifests say about tasks, in the domain's terms."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
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
from slipway.manifests.reading import read
from slipway.manifests.records import EnvironmentRecord, ServiceRecord
from slipway.manifests.shaping import partition, task_shape

from tests.unit.manifests.folder import cart, environment, reading

BOUTIQUE = Path(__file__).parents[3] / "examples" / "boutique"
GROUPS = ("sg-0123456789abcdef0",)
IAM = "arn:aws:iam::111122223333:role/slipway/dev"
SECRETS = "arn:aws:secretsmanager:eu-west-1:111122223333:secret"

EVERYTHING = """\
cpu: 1024
memory: 4096
platform: linux/arm64
entrypoint: [/bin/init, --]
command: serve --fast
stop_timeout: 45s
execution_role: arn:aws:iam::111122223333:role/slipway/dev/pulls
task_role: role/slipway/dev/cart
variables: {LEVEL: info, PORT: 8080}
secrets:
  TOKEN: /cart/token
  WHOLE: {ssm: "arn:aws:secretsmanager:eu-west-1:111122223333:secret:card-AbCdEf"}
  KEY: {secretsmanager: "cart/card:key"}
  OLD: {secretsmanager: "cart/card::AWSPREVIOUS:"}
  PLAIN: {secretsmanager: cart/card}
logging: {group: /cart, create: true, retention: 7}
network:
  vpc: {security_groups: [sg-0a1b2c3d4e5f60718, sg-0123456789abcdef0]}
storage:
  ephemeral: 40
  readonly_fs: true
  volumes:
    scratch: {path: /scratch, read_only: false}
    carts:
      path: /carts
      efs: {id: fs-0a1b2c3d, access_point: fsap-0a1b2c3d}
    media:
      path: /media
      efs: {id: fs-0a1b2c3d, root_dir: /media}
sidecars:
  proxy:
    image: 111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop/proxy:v2
    port: 9000
    essential: true
    cpu: 128
    memory: 256
    variables: {LEVEL: debug}
    secrets: {CERTIFICATE: {secretsmanager: proxy/tls}}
    entrypoint: /proxy
    command: [--listen, 9000]
    healthcheck:
      command: [CMD-SHELL, "probe || exit 1"]
      interval: 20s
      retries: 4
      timeout: 6s
      start_period: 7s
    depends_on: {migrate: success}
    mount_points: [{source_volume: scratch, path: /shared, read_only: false}]
    stop_timeout: 60s
    linger: 20s
  migrate:
    image: public.ecr.aws/shop/migrate:v1
    essential: false
"""
IMAGE = """\
name: cart
image:
  location: shop/cart
  tag: v*
  port: 8080
  protocol: http2
  healthcheck: {command: [CMD, /probe], interval: 9s, retries: 3, timeout: 8s}
  depends_on: {proxy: healthy}
"""
"""The image's own keys, instead of the folder's brief ones."""


def everything() -> EnvironmentRecord:
    found = reading({"services/cart.yaml": IMAGE + EVERYTHING})
    assert found.problems == ()
    assert found.record is not None
    return found.record


def shaped(more: str, **instead: str) -> TaskShape:
    found = reading({**cart(more), **environment(**instead)})
    assert found.record is not None, found.problems
    return task_shape(found.record.services[0], found.record.environment, GROUPS)


def parts(section: BaseModel) -> Iterator[BaseModel]:
    """Return a section and all sections in it."""
    yield section
    for name in type(section).model_fields:
        value = getattr(section, name)
        inner = value.values() if isinstance(value, dict) else value
        for one in inner if isinstance(inner, tuple | type({}.values())) else [inner]:
            if isinstance(one, BaseModel):
                yield from parts(one)


def test_a_manifest_with_every_key_becomes_a_shape_that_says_all_of_it() -> None:
    record = everything()
    assert task_shape(record.services[0], record.environment, GROUPS) == TaskShape(
        cpu=1024,
        memory_mib=4096,
        port=8080,
        execution_role_arn=f"{IAM}/pulls",
        task_role_arn=f"{IAM}/cart",
        security_group_ids=("sg-0123456789abcdef0", "sg-0a1b2c3d4e5f60718"),
        environment={"LEVEL": "info", "PORT": "8080"},
        command=("serve", "--fast"),
        stop_timeout_seconds=45,
        log_group="/cart",
        secrets={
            "TOKEN": "/cart/token",
            "WHOLE": f"{SECRETS}:card-AbCdEf",
            "KEY": f"{SECRETS}:cart/card:key::",
            "OLD": f"{SECRETS}:cart/card::AWSPREVIOUS:",
            "PLAIN": f"{SECRETS}:cart/card",
        },
        entrypoint=("/bin/init", "--"),
        health_check=HealthCheck(("CMD", "/probe"), 9, 8, 3, 0),
        depends_on={"proxy": Condition.HEALTHY},
        mount_points=(
            MountPoint("scratch", "/scratch", read_only=False),
            MountPoint("carts", "/carts"),
            MountPoint("media", "/media"),
        ),
        read_only_root=True,
        protocol=Protocol.HTTP2,
        platform=Platform.ARM64,
        ephemeral_storage_gib=40,
        volumes=(
            Volume("scratch"),
            Volume("carts", EfsVolume("fs-0a1b2c3d", "/", "fsap-0a1b2c3d")),
            Volume("media", EfsVolume("fs-0a1b2c3d", "/media")),
        ),
        sidecars=(
            Sidecar(
                name="proxy",
                image="111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop/proxy:v2",
                port=9000,
                essential=True,
                cpu=128,
                memory_mib=256,
                environment={"LEVEL": "debug"},
                secrets={"CERTIFICATE": f"{SECRETS}:proxy/tls"},
                entrypoint=("/proxy",),
                command=("--listen", "9000"),
                health_check=HealthCheck(("CMD-SHELL", "probe || exit 1"), 20, 6, 4, 7),
                depends_on={"migrate": Condition.SUCCESS},
                mount_points=(MountPoint("scratch", "/shared", read_only=False),),
                stop_timeout_seconds=60,
                linger_seconds=20,
            ),
            Sidecar(
                name="migrate", image="public.ecr.aws/shop/migrate:v1", essential=False
            ),
        ),
    )


def test_that_manifest_has_indeed_every_key_that_is_about_tasks() -> None:
    """A new key is either not about tasks, and named here, or needs a line above."""
    service = everything().services[0].manifest
    elsewhere = {"count", "rollout", "tags", "calls", "http", "nlb", "adopted"}
    assert type(service).model_fields.keys() - service.model_fields_set == elsewhere
    written: dict[str, set[str]] = {}
    known: dict[str, set[str]] = {}
    inside = (
        *parts(service.image),
        *parts(service.storage),
        *(one for each in service.sidecars.values() for one in parts(each)),
        *(one for each in service.secrets.values() for one in parts(each)),
        *parts(service.logging),
        *parts(service.network),
    )
    for part in inside:
        kind = type(part)
        known[kind.__name__] = set(kind.model_fields)
        written.setdefault(kind.__name__, set()).update(part.model_fields_set)
    assert written == known
    assert len(known) == 11


def test_a_manifest_that_says_little_becomes_a_shape_of_defaults() -> None:
    assert shaped("") == TaskShape(
        cpu=256,
        memory_mib=512,
        port=8080,
        execution_role_arn=f"{IAM}/execution",
        task_role_arn=None,
        security_group_ids=GROUPS,
        log_group="/shop/dev",
    )


def test_without_a_log_group_anywhere_output_goes_nowhere() -> None:
    assert shaped("", log_group="").log_group is None
    assert shaped("logging: {group: /own}\n", log_group="").log_group == "/own"


@pytest.mark.parametrize(
    ("region", "name"),
    [
        ("eu-west-1", "aws"),
        ("us-east-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("ca-central-1", "aws"),
    ],
)
def test_arns_are_of_the_regions_partition(region: str, name: str) -> None:
    assert partition(region) == name
    changed = everything().environment.model_copy(
        update={"region": region, "account": "444455556666"}
    )
    shape = task_shape(everything().services[0], changed, GROUPS)
    assert shape.task_role_arn == (
        f"arn:{name}:iam::444455556666:role/slipway/dev/cart"
    )
    assert shape.secrets["PLAIN"] == (
        f"arn:{name}:secretsmanager:{region}:444455556666:secret:cart/card"
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("linux/x86_64", Platform.X86_64),
        ("linux/amd64", Platform.X86_64),
        ("linux/arm64", Platform.ARM64),
    ],
)
def test_architectures_have_one_name_each(written: str, meant: Platform) -> None:
    assert shaped(f"platform: {written}\n").platform is meant


# ------------------------------------------------------------------ the boutique


def boutique() -> dict[str, tuple[ServiceRecord, TaskShape]]:
    files = {
        path.relative_to(BOUTIQUE).as_posix(): path.read_bytes()
        for path in [BOUTIQUE / "environment.yaml", *BOUTIQUE.glob("services/*.yaml")]
    }
    record = read(files).record
    assert record is not None
    return {
        service.manifest.name: (
            service,
            task_shape(service, record.environment, GROUPS),
        )
        for service in record.services
    }


def test_every_service_of_the_boutique_has_what_they_share() -> None:
    shapes = boutique()
    assert len(shapes) == 11
    for record, shape in shapes.values():
        manifest = record.manifest
        assert shape.platform is Platform.ARM64
        assert shape.execution_role_arn == f"{IAM}/boutique-execution"
        assert shape.log_group == "/boutique/dev"
        assert shape.environment["DISABLE_PROFILER"] == "1"
        assert shape.environment == manifest.variables
        assert shape.port == manifest.image.port
        assert shape.protocol == manifest.image.protocol
        assert (shape.cpu, shape.memory_mib) == (manifest.cpu, manifest.memory)
        assert shape.security_group_ids[:1] == GROUPS


def test_services_of_the_boutique_have_what_is_theirs_alone() -> None:
    shapes = {name: shape for name, (_, shape) in boutique().items()}
    probe = "/bin/grpc_health_probe"
    assert {
        name: shape.health_check.command
        for name, shape in shapes.items()
        if shape.health_check is not None
    } == {
        "adservice": ("CMD", probe, "-addr=:9555"),
        "cartservice": ("CMD", probe, "-addr=:7070", "-rpc-timeout=5s"),
        "currencyservice": ("CMD", probe, "-addr=:7000"),
        "emailservice": ("CMD", probe, "-addr=:8080"),
        "paymentservice": ("CMD", probe, "-addr=:50051"),
        "productcatalogservice": ("CMD", probe, "-addr=:3550"),
        "recommendationservice": ("CMD", probe, "-addr=:8080"),
        "shippingservice": ("CMD", probe, "-addr=:50051"),
    }
    assert {n: s.task_role_arn for n, s in shapes.items() if s.task_role_arn} == {
        "checkoutservice": f"{IAM}/boutique-checkout",
        "frontend": f"{IAM}/boutique-frontend",
    }
    assert [n for n, s in shapes.items() if s.port is None] == ["loadgenerator"]
    assert {n: s.secrets for n, s in shapes.items() if s.secrets} == {
        "paymentservice": {"CARD_GATEWAY_KEY": f"{SECRETS}:boutique/payment:key::"}
    }
    assert shapes["cartservice"].security_group_ids == (
        *GROUPS,
        "sg-0a1b2c3d4e5f60718",
    )
    assert {n: s.sidecars for n, s in shapes.items() if s.sidecars} == {
        "checkoutservice": (
            Sidecar(
                name="metrics",
                image="public.ecr.aws/aws-observability/aws-otel-collector:v0.43.3",
                essential=False,
                memory_mib=128,
                depends_on={"checkoutservice": Condition.START},
                stop_timeout_seconds=60,
                linger_seconds=20,
            ),
        )
    }
