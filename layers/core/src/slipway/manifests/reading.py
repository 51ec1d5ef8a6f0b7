"""From files to validated records: everything that is wrong, or what it means."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from slipway.domain.service import NETWORK_SETTLE_SECONDS, Mode
from slipway.manifests.environment import Environment
from slipway.manifests.environment_checks import (
    Member,
    check_environment,
    check_together,
    flows,
)
from slipway.manifests.ingress import bindings, resolve
from slipway.manifests.nodes import Keys, Scalar, Tree, find, parse, shown
from slipway.manifests.overrides import overlay, split
from slipway.manifests.problems import Place, Problem, problem_at
from slipway.manifests.records import (
    EnvironmentRecord,
    ServiceRecord,
    slot_names,
    target_group_names,
)
from slipway.manifests.service import Defaults, Service
from slipway.manifests.service_checks import check_service
from slipway.manifests.shape import MISSING, Written, fit

ENVIRONMENT_FILE = "environment.yaml"
SERVICES = "services/"
SUFFIX = ".yaml"
DEFAULTS = "defaults"


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading a folder: a record, or problems in files' order."""

    record: EnvironmentRecord | None
    problems: tuple[Problem, ...]


def read(
    files: Mapping[str, bytes], environment_file: str = ENVIRONMENT_FILE
) -> Reading:
    """Read an environment and its services.

    `files` are contents by path, such as `services/cart.yaml`; of those neither the
    environment's nor in services/ nothing is read. Every problem of every file is
    found at once: only what follows from a file that has another shape waits for it.
    """
    reader = _Reader(files, environment_file)
    record = reader.read()
    problems = tuple(sorted(set(reader.problems)))
    return Reading(None if problems else record, problems)


class _Reader:
    def __init__(self, files: Mapping[str, bytes], environment_file: str) -> None:
        self.problems: list[Problem] = []
        self._files = files
        self._environment_file = environment_file
        self._others: set[str] = set()
        self._said: set[tuple[int, int]] = set()
        """Where the defaults have problems of their own."""

    def read(self) -> EnvironmentRecord | None:
        root = self._parsed(self._environment_file)
        environment = None if root is None else self._environment(root)
        name = "" if root is None else _text(root, "name")
        defaults = None if root is None else root.nodes.get(DEFAULTS)
        services = {
            file: service
            for file in sorted(self._files)
            if (service := self._service(file, defaults, name)) is not None
        }
        self._name_once(services)
        if environment is None:
            return None
        self.problems += check_environment(environment)
        members: dict[str, Member] = {}
        for written in services.values():
            self.problems += check_service(written, environment.model)
            ingress, problems = resolve(written, environment.model)
            self.problems += problems
            members.setdefault(written.model.name, Member(written, ingress))
        names = sorted({*members, *map(_stem, filter(_is_service, self._files))})
        self.problems += check_together(environment, members, names)
        if self.problems:
            return None
        return EnvironmentRecord(
            environment.model,
            tuple(
                _record(environment.model, member, members)
                for _, member in sorted(members.items())
            ),
            flows(environment.model, members),
            tuple(sorted(self._others)),
        )

    def _environment(self, root: Keys) -> Written[Environment] | None:
        """Read the environment; its defaults may be parts that services complete."""
        rest = {key: node for key, node in root.nodes.items() if key != DEFAULTS}
        written, problems = fit(Environment, Keys(root.place, rest))
        self.problems += problems
        if DEFAULTS not in root.nodes:
            return written
        defaults, problems = fit(Defaults, root.nodes[DEFAULTS])
        own = [problem for problem in problems if problem.found != MISSING]
        self.problems += own
        self._said = {(problem.line, problem.column) for problem in own}
        if written is None or defaults is None:
            return written
        update = {DEFAULTS: defaults.model}
        whole = written.model.model_copy(update=update)
        return Written(whole, root, written.doubted)

    def _fitted(self, tree: Tree) -> Written[Service] | None:
        """Read a service. What is wrong with the defaults alone is said once."""
        written, problems = fit(Service, tree)
        self.problems += [
            problem
            for problem in problems
            if problem.file != self._environment_file
            or (problem.line, problem.column) not in self._said
        ]
        return written

    def _parsed(self, file: str) -> Keys | None:
        content = self._files.get(file)
        if content is None:
            allowed = "the file that describes the environment"
            self._whole(file, "no such file", allowed)
            return None
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = content[: error.start].decode("utf-8-sig")
            line = before.count("\n") + 1
            column = len(before) - before.rfind("\n")
            found = f"the byte 0x{content[error.start]:02x}"
            place = Place(file, line, column)
            self.problems.append(problem_at(place, found, "text in UTF-8"))
            return None
        tree, problems = parse(file, text)
        self.problems += problems
        if tree is None or isinstance(tree, Keys):
            return tree
        self.problems.append(problem_at(tree.place, shown(tree), "keys"))
        return None

    def _service(
        self, file: str, defaults: Tree | None, environment: str
    ) -> Written[Service] | None:
        if not file.startswith(SERVICES):
            return None
        if not _is_service(file):
            if file.endswith((".yml", SUFFIX)):
                allowed = f"services/NAME{SUFFIX}, in no folder beneath"
                self._whole(file, "a manifest with another name", allowed)
            return None
        root = self._parsed(file)
        if root is None:
            return None
        own, changes, problems = split(root)
        self.problems += problems
        base = own if defaults is None else overlay(defaults, own)
        # What is wrong stands where it is written: in the service, not in what it
        # lies over.
        assert isinstance(base, Keys)
        base = Keys(root.place, base.nodes)
        for name, change in changes.items():
            if name != environment:
                self._others.add(name)
                self._fitted(overlay(base, change))
        own_change = changes.get(environment, Keys(root.place, {}))
        return self._fitted(overlay(base, own_change))

    def _name_once(self, services: Mapping[str, Written[Service]]) -> None:
        first: dict[str, str] = {
            written.model.name: file
            for file, written in services.items()
            if written.model.name == _stem(file)
        }
        for file, written in services.items():
            name = written.model.name
            if name == _stem(file):
                continue
            allowed = f"{_stem(file)}, as the file is called"
            if name in first:
                allowed += f"; {name} is the name of {first[name]}"
            self.problems += written.problem(("name",), allowed)

    def _whole(self, file: str, found: str, allowed: str) -> None:
        self.problems.append(problem_at(Place(file, 1, 1), found, allowed))


def _is_service(file: str) -> bool:
    path = PurePosixPath(file)
    return str(path.parent) == "services" and path.suffix == SUFFIX


def _stem(file: str) -> str:
    return PurePosixPath(file).stem


def _text(tree: Tree, key: str) -> str:
    node, rest = find(tree, (key,))
    return node.written if isinstance(node, Scalar) and not rest else ""


def _record(
    environment: Environment, member: Member, members: Mapping[str, Member]
) -> ServiceRecord:
    service = member.written.model
    mode, reason = _mode(service)
    return ServiceRecord(
        manifest=service,
        mode=mode,
        reason=reason,
        rollout=service.rollout.policy(),
        scaling=service.count.scaling(),
        ingress=tuple(member.ingress),
        target_groups=target_group_names(
            environment.name, service, [ingress.path for ingress in member.ingress]
        ),
        slots=slot_names(service),
        notes=tuple(_notes(environment, member, members, mode)),
    )


def _mode(service: Service) -> tuple[Mode, str]:
    count = len(list(bindings(service)))
    if count == 0:
        return Mode.BATCHES, (
            "it has neither http nor nlb, so there are no weights: tasks are replaced "
            "in batches, on their health alone"
        )
    if service.rollout.strategy == "batches":
        return Mode.BATCHES, "its manifest says so: tasks are replaced on their health"
    on = "1 binding" if count == 1 else f"{count} bindings"
    own = service.rollout.judge.metric is not None
    if service.http is None and not own:
        return Mode.BATCHES, (
            f"weights move on {on}, on its tasks' health alone: a Network Load "
            "Balancer counts connections and no answers"
        )
    by = "the application's own metric" if own else "its load balancers' requests"
    if service.nlb is not None and not own:
        by = "the requests of its Application Load Balancers"
    return Mode.CANARY, f"weights move on {on}, judged by {by}"


def _notes(
    environment: Environment,
    member: Member,
    members: Mapping[str, Member],
    mode: Mode,
) -> Iterator[str]:
    service = member.written.model
    image = service.image
    callers = sorted(
        name
        for name, other in members.items()
        if service.name in other.written.model.calls
    )
    inside = any(
        environment.load_balancers[ingress.load_balancer].scheme == "internal"
        for ingress in member.ingress
    )
    if mode is Mode.CANARY and callers and not inside:
        yield (
            f"{', '.join(callers)} find it in the registry, where weights do not bind: "
            "they meet a new release by its number of tasks"
        )
    if mode is Mode.BATCHES and image.healthcheck is None and not member.ingress:
        yield (
            "it has no image.healthcheck: a release counts as healthy while its tasks "
            "run"
        )
    counts = service.rollout.judge.metric is not None
    if counts and mode is Mode.BATCHES:
        yield "rollout.judge.metric judges nothing: batches go by health alone"
    bakes = [step.bake for step in service.rollout.steps]
    if service.nlb is not None and counts and mode is Mode.CANARY:
        yield (
            f"each step takes {NETWORK_SETTLE_SECONDS} s more than its bake, which "
            "begins when its Network Load Balancer acts on weights"
        )
    elif service.nlb is not None and min(bakes) < NETWORK_SETTLE_SECONDS:
        yield (
            f"steps of less than {NETWORK_SETTLE_SECONDS} s may end before its Network "
            "Load Balancer acts on their weights"
        )
    if service.logging.group is None and environment.log_group is None:
        yield "it has no log group, here or in the environment: its output is lost"
    host, slash, _ = image.location.partition("/")
    own = f"{environment.account}.dkr.ecr.{environment.region}.amazonaws.com"
    if slash and ".dkr.ecr." in host and host.removesuffix(".cn") != own:
        yield (
            f"its registry {host} is in another account or region: pushes are heard "
            "only if its events are sent on to here"
        )
