"""Brings everything up, plays the scenes under load, and reports."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from slipway.domain.provision_run import Result
from slipway.domain.receipt import FIRST_TRAFFIC
from slipway.domain.restore import Move
from slipway.gateways.journal import Entry, Journal
from slipway_cli.adoption.adopting import Rejected

from localcloud.api import REGION
from localcloud.clock import Clock
from localcloud.cloud import LocalCloud
from localcloud.delays import Delays
from localcloud.demo import alb_metrics, by_hand, scenes
from localcloud.demo.access_log import Hop, read_call
from localcloud.demo.adopted import PlayedAdoption
from localcloud.demo.applied import PlayedRun
from localcloud.demo.applying import Applying, Run, writes
from localcloud.demo.blame import Directory, Failure, Sent, failures
from localcloud.demo.bound import Bound, bound
from localcloud.demo.boutique import Boutique, entry_host
from localcloud.demo.decisions import Decision, Decisions
from localcloud.demo.envoy import EnvoyDataPlane
from localcloud.demo.envoy_config import Timing
from localcloud.demo.found import LAG_SECONDS, Followed, followed
from localcloud.demo.load import Load, answer
from localcloud.demo.processes import ProcessTaskRuntime
from localcloud.demo.registry_endpoint import RegistryEndpoint
from localcloud.demo.report import Report, SceneReport, receipt_as_json
from localcloud.demo.scenes import Adopted, AnyScene, Applied, Observed, Push, Scene
from localcloud.demo.tail import Tail
from localcloud.demo.traffic_view import slot_rows
from localcloud.demo.view import Picture, Screen

if TYPE_CHECKING:
    from slipway.domain.service import Service

ENVIRONMENT = "demo"
CALL_TIMEOUT_SECONDS = 40.0
"""Modelled: how long a service waits for another. Below the load balancers' idle
timeout of 60, so that it is the caller that gives up first."""
SCENE_SECONDS = 1800.0
"""Modelled: a scene that takes longer has failed."""
POLL_SECONDS = 0.25
"""Real time between two looks at the journal, and between two pictures."""
SETTLE_SECONDS = 0.5
"""Real time in which the last rows of a scene are written."""
ASKED_ON_SECONDS = 2.0
"""Real time in which users go on to ask what was adopted."""


CLOSE_SECONDS = 5.0
"""Real time that the cloud has to end its work."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to play."""

    repository: Path
    """The checkout: template, functions and examples."""
    folder: Path
    """Where logs and configurations go."""
    factor: float
    """Modelled seconds to a real one."""
    rate: float
    """Requests a real second."""


@dataclass(frozen=True, slots=True)
class Played:
    """A scene that was played. Times are real, seconds of the Unix epoch."""

    scene: Scene
    began: float
    ended: float
    digests: frozenset[str]
    entries: dict[str, Entry | None]
    violations: list[str]


type AnyPlayed = Played | PlayedRun | PlayedAdoption


class Performance:
    """One run of the demonstration."""

    def __init__(
        self,
        settings: Settings,
        screen: Screen,
        under_load: Sequence[AnyScene] = scenes.UNDER_LOAD,
    ) -> None:
        self._settings = settings
        self._under_load = under_load
        self._screen = screen
        self._boutique = Boutique.copied(
            settings.repository, settings.folder / "manifests"
        )
        record = self._boutique.record()
        self._names = sorted(record.names)
        self._host = entry_host(record)
        self._repositories = [one.manifest.image.location for one in record.services]
        self._services: list[Service] = []
        """As provisioning wrote them down; none before."""
        self._began = time.time()
        self._played: list[AnyPlayed] = []
        self._asked_besides: list[Sent] = []
        """Requests to what was made by hand."""
        self._reports: list[SceneReport] = []
        self._bad: set[str] = set()
        self._scene = "Bringing up the local cloud"
        self._story = "Envoy, the template's functions and state machines"

    async def run(self) -> Report:
        """Play everything; return the report. Whatever was started is ended."""
        first = scenes.first_releases(self._names)
        async with AsyncExitStack() as stack:
            await self._bring_up(stack)
            planned = (scenes.PROVISION, first, *self._under_load)
            async with asyncio.TaskGroup() as group:
                followers = [
                    group.create_task(self._plane.log.follow()),
                    group.create_task(self._load.sent.follow()),
                    group.create_task(self._calls.follow()),
                    group.create_task(self._keep_showing()),
                ]
                for number, scene in enumerate(planned, 1):
                    self._screen.scene_begins(
                        number, len(planned), scene.name, scene.story
                    )
                    await self._play_any(scene)
                    self._screen.scene_ended(self._reports[-1])
                    if scene is first:
                        await self._load.start(
                            self._entry, self._host, self._settings.rate
                        )
                    if not self._services:
                        break
                await self._load.stop()
                for follower in followers:
                    follower.cancel()
            self._plane.log.read_new()
            await asyncio.sleep(SETTLE_SECONDS)
            self._plane.log.read_new()
            self._calls.read_new()
        return self._final_report(len(planned))

    # ---------------------------------------------------------------------- bringing up

    async def _bring_up(self, stack: AsyncExitStack) -> None:
        settings = self._settings
        self._clock = Clock.realtime(settings.factor)
        self._epoch = self._clock.now()
        self._delays = Delays()
        self._plane = EnvoyDataPlane(
            settings.folder,
            Timing.at(settings.factor, self._delays.idle_timeout_seconds),
        )
        await self._plane.start()
        stack.push_async_callback(self._plane.close)
        self._endpoint = RegistryEndpoint()
        await self._endpoint.start()
        stack.push_async_callback(self._endpoint.close)
        self._calls = Tail(settings.folder / "calls.jsonl", read_call)
        self._runtime = ProcessTaskRuntime(
            self._clock,
            self._boutique.app,
            settings.folder,
            {
                "LOAD_BALANCER": self._plane.address_of(f"{ENVIRONMENT}-internal"),
                "CALL_TIMEOUT_SECONDS": str(CALL_TIMEOUT_SECONDS / settings.factor),
                "CALL_LOG": str(self._calls.path),
                "AWS_ENDPOINT_URL_SERVICEDISCOVERY": self._endpoint.url,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ACCESS_KEY_ID": "local",
                "AWS_SECRET_ACCESS_KEY": "local",
            },
        )
        stack.push_async_callback(self._runtime.close)
        self._load = Load(self._boutique.load_generator, settings.folder)
        self._cloud = await LocalCloud.start(
            self._clock,
            self._runtime,
            lambda _: self._plane,
            template=settings.repository / "template.yaml",
            parameters=lambda network: {
                "EnvironmentName": ENVIRONMENT,
                "ClusterName": ENVIRONMENT,
                "SubnetIds": ",".join(s.subnet_id for s in network.subnets),
            },
            delays=self._delays,
        )
        self._endpoint.answer = self._cloud.cloud_map.answer
        stack.push_async_callback(self._close_cloud)
        self._plane.log.subscribe(self._measure)
        self._boutique.settle(self._cloud.network)
        ecr = boto3.client("ecr", region_name=REGION)
        for repository in self._repositories:
            ecr.create_repository(repositoryName=repository)
        self._journal = Journal(
            boto3.client("dynamodb", region_name=REGION),
            self._cloud.stack.resource("JournalTable").name,
        )
        self._decisions = Decisions(self._journal)
        self._applying = Applying(self._clock, self._cloud, self._boutique)

    @property
    def _entry(self) -> str:
        """Where users' requests go, host:port."""
        return self._plane.address_of(f"{ENVIRONMENT}-public")

    async def _close_cloud(self) -> None:
        """Close the cloud; whatever it does, what comes after this is ended too."""
        self._load.kill()
        with (self._settings.folder / "functions.jsonl").open("w") as file:
            file.writelines(
                json.dumps(entry, default=str) + "\n"
                for entry in self._cloud.functions.logs
            )
        async with asyncio.timeout(CLOSE_SECONDS):
            await self._cloud.close()

    def _measure(self, hops: Sequence[Hop]) -> None:
        for count in alb_metrics.counts(hops, self._modelled):
            self._cloud.metrics.put(
                alb_metrics.NAMESPACE,
                count.name,
                count.dimensions,
                count.value,
                count.at,
            )

    def _modelled(self, real: float) -> datetime:
        """Turn a real time, seconds of the Unix epoch, into a modelled one."""
        ago = (time.time() - real) * self._settings.factor
        return self._clock.now() - timedelta(seconds=ago)

    # ------------------------------------------------------------------------- playing

    async def _play_any(self, scene: AnyScene) -> None:
        self._scene, self._story = scene.name, scene.story
        if isinstance(scene, Applied):
            played: AnyPlayed = await self._apply(scene)
        elif isinstance(scene, Adopted):
            played = await self._adopt(scene)
        else:
            played = await self._play(scene)
        self._played.append(played)
        self._reports.append(self._report(played, self._failures()))

    async def _apply(self, scene: Applied) -> PlayedRun:
        began, calls = time.time(), len(self._cloud.router.calls)
        if scene.edit is not None:
            self._boutique.edit(scene.edit)
        run = await self._applying.run(self._tell)
        written = writes(self._cloud.router.calls[calls:])
        self._tell(f"{run.result or 'no end in time'}: {run.summary}")
        entry, said = None, None
        done = run.result is Result.DONE
        if done:
            await self._know_services()
        if done and scene.edit is not None:
            entry = await self._rolled_out(scene.edit.service, run)
            said = (await answer(self._entry, self._host)).get("greeting")
        await asyncio.sleep(SETTLE_SECONDS)
        return PlayedRun(
            scene,
            began,
            time.time(),
            run,
            await self._applying.plan(),
            written,
            entry,
            said,
            self._new_violations(),
        )

    async def _adopt(self, scene: Adopted) -> PlayedAdoption:
        """Put a service up by hand, let users ask it, and adopt it meanwhile."""
        began, settings = time.time(), self._settings
        image = scenes.push(by_hand.SERVICE, "v1").image
        group = by_hand.make(self._cloud, ENVIRONMENT, image)
        await self._healthy(group, by_hand.TASKS)
        await self._clock.sleep(self._delays.propagation_seconds)
        folder = settings.folder / by_hand.SERVICE
        folder.mkdir()
        users = Load(self._boutique.load_generator, folder)
        tasks = by_hand.tasks(ENVIRONMENT)
        try:
            await users.start(self._entry, by_hand.HOST, settings.rate)
            found = await self._applying.adopt(
                by_hand.NAME, by_hand.SERVICE, self._tell
            )
            await asyncio.sleep(ASKED_ON_SECONDS)
            left = await self._applying.plan()
            await users.stop()
        finally:
            users.kill()
        await asyncio.sleep(SETTLE_SECONDS)
        self._plane.log.read_new()
        if by_hand.SERVICE in self._journal.services():
            self._cloud.monitor.watch(self._journal.service(by_hand.SERVICE))
        rows = list(users.sent.rows)
        self._asked_besides += rows
        problems: tuple[object, ...] = ()
        applied = None
        if isinstance(found, Rejected):
            problems = (*found.reasons, *found.problems)
        else:
            applied = found
        return PlayedAdoption(
            scene,
            began,
            time.time(),
            applied,
            "; ".join(map(str, problems)),
            len(tasks - by_hand.tasks(ENVIRONMENT)),
            len(rows),
            sum(each.failed for each in rows),
            left,
            self._new_violations(),
        )

    async def _healthy(self, group: str, needed: int) -> None:
        """Wait until a target group has so many healthy targets, or time is up."""
        deadline = self._clock.time() + SCENE_SECONDS
        while self._clock.time() < deadline:
            await asyncio.sleep(POLL_SECONDS)
            if self._cloud.elb.healthy(group) >= needed:
                return

    def _tell(self, text: str) -> None:
        """Say what is done with manifests."""
        decision = Decision(self._clock.now(), "manifests", "apply", text)
        self._decisions.add(decision)
        self._screen.decided([decision])

    async def _know_services(self) -> None:
        """Take over what provisioning wrote down, and wait for what it made."""
        self._services = [self._journal.service(name) for name in self._names]
        for service in self._services:
            self._cloud.monitor.watch(service)
        await self._clock.sleep(self._delays.propagation_seconds)
        for name in ("public", "internal"):
            await self._plane.listening(f"{ENVIRONMENT}-{name}")

    async def _rolled_out(self, service: str, run: Run) -> Entry | None:
        """Wait for the end of the rollout that a run started."""
        deadline = self._clock.time() + SCENE_SECONDS
        while self._clock.time() < deadline:
            await asyncio.sleep(POLL_SECONDS)
            for entry in self._journal.rollouts(service):
                ask = entry.rollout.cause.ask
                mine = ask is not None and ask.command_id == run.applied.run
                if mine and entry.outcome is not None:
                    return entry
        return None

    def _new_violations(self) -> list[str]:
        """Look once more, and return what has been violated since the last scene."""
        self._cloud.monitor.at_rest()
        known = sum(len(each.violations) for each in self._played)
        return [
            f"invariant {each.invariant}: {each.text}"
            for each in self._cloud.monitor.violations[known:]
        ]

    async def _play(self, scene: Scene) -> Played:
        began = time.time()
        digests = {push: self._push(push) for push in scene.pushes}
        if scene.bad or scene.never_serves:
            self._bad |= set(digests.values())
        deadline = self._clock.time() + SCENE_SECONDS
        ended: dict[str, Entry | None] = dict.fromkeys(scene.outcomes)
        while None in ended.values() and self._clock.time() < deadline:
            await asyncio.sleep(POLL_SECONDS)
            newer = scene.overtaken_by
            if newer and newer not in digests and self._have_traffic(digests):
                digests[newer] = self._push(newer)
            ended |= {
                push.name: self._ended(push.service, digest)
                for push, digest in digests.items()
            }
        await asyncio.sleep(SETTLE_SECONDS)
        return Played(
            scene,
            began,
            time.time(),
            frozenset(digests.values()),
            ended,
            self._new_violations(),
        )

    def _push(self, push: Push) -> str:
        repository = self._journal.service(push.service).repository
        return self._cloud.images.push(repository, push.tag, push.image)

    def _have_traffic(self, digests: Mapping[Push, str]) -> bool:
        """Whether each of these images has had a share of the requests."""
        return all(
            any(
                mark.name == FIRST_TRAFFIC
                for entry in self._entries(push.service, digest)
                for mark in self._journal.marks(entry.rollout)
            )
            for push, digest in digests.items()
        )

    def _ended(self, service: str, digest: str) -> Entry | None:
        entries = self._entries(service, digest)
        return next((e for e in entries if e.outcome is not None), None)

    def _entries(self, service: str, digest: str) -> list[Entry]:
        known = self._journal.rollouts(service)
        return [e for e in known if e.rollout.cause.digest == digest]

    # ------------------------------------------------------------------------- judging

    def _directory(self) -> Directory:
        return Directory(self._runtime.tenancies)

    def _failures(self) -> list[Failure]:
        hops = [*self._plane.log.rows, *self._calls.rows]
        sent = [*self._load.sent.rows, *self._asked_besides]
        return failures(sent, hops, self._directory(), self._bad)

    def _report(self, played: AnyPlayed, failed: Sequence[Failure]) -> SceneReport:
        sent = sum(
            played.began <= each.start < played.ended for each in self._load.sent.rows
        )
        mine = [f for f in failed if played.began <= f.sent.start < played.ended]
        if isinstance(played, PlayedAdoption):
            return played.report(sent, len(mine) - played.failed)
        if isinstance(played, PlayedRun):
            return played.report(sent, len(mine))
        return self._report_of_releases(played, sent, mine)

    def _report_of_releases(
        self, played: Played, sent: int, mine: Sequence[Failure]
    ) -> SceneReport:
        scene, directory = played.scene, self._directory()
        outcomes = {
            name: entry.outcome if entry else None
            for name, entry in played.entries.items()
        }
        limit = self._bound(played, sent)
        observed = Observed(
            outcomes=outcomes,
            failed=len(mine),
            failed_not_by_bad_release=sum(not each.by_bad_release for each in mine),
            reached=sum(
                hop.upstream is not None
                and directory.digest(hop.upstream, hop.start) in played.digests
                for hop in self._plane.log.rows
            ),
            violations=played.violations,
            bound=limit,
        )
        found = scenes.complaints(scene, observed)
        found += sorted({each.reason for each in mine if not each.by_bad_release})
        receipt = self._receipt(played, limit)
        shares = self._followed(played)
        found += [
            f"callers by the registry sent {each.share:.1%} at {each.weight_percent} %"
            for each in shares
            if not each.is_near
        ]
        if shares:
            receipt["found"] = [each.as_json() for each in shares]
        return SceneReport(
            name=scene.name,
            expected=", ".join(sorted(set(scene.outcomes.values()))),
            outcome=", ".join(sorted({str(o or "none") for o in outcomes.values()})),
            seconds=played.ended - played.began,
            sent=sent,
            failed=len(mine),
            complaints=found,
            receipt=receipt,
        )

    def _followed(self, played: Played) -> list[Followed]:
        """Return what callers by the registry sent to a release at each step."""
        (entry, *others) = played.entries.values()
        if others or entry is None or entry.receipt is None:
            return []
        at = {mark.name: mark.at for mark in entry.receipt.marks}
        name = entry.rollout.service.name
        steps = []
        for number, step in enumerate(entry.rollout.steps):
            begin, end = (at.get(f"shifted-{n}") for n in (number, number + 1))
            end = end or at.get("promoted")
            if begin is not None and end is not None:
                lagged = begin + timedelta(seconds=LAG_SECONDS)
                span = self._real(lagged), self._real(end)
                steps.append((step.weight_percent, *span))
        calls = [hop for hop in self._calls.rows if hop.host == name]
        return followed(calls, self._directory(), played.digests, steps)

    def _real(self, modelled: datetime) -> float:
        """Turn a modelled time into a real one, seconds of the Unix epoch."""
        ago = (self._clock.now() - modelled).total_seconds()
        return time.time() - ago / self._settings.factor

    def _bound(self, played: Played, sent: int) -> Bound | None:
        """Return the bound, where the release was caught in its first step."""
        rate = played.scene.failure_rate
        (entry, *_) = played.entries.values()
        if rate is None or entry is None or entry.receipt is None:
            return None
        at = {mark.name: mark.at for mark in entry.receipt.marks}
        judged = at.get("judged-0")
        restored = at.get(f"restore-{Move.GIVE_TRAFFIC}")
        if judged is None or restored is None or "shifted-1" in at:
            return None
        seconds = (played.ended - played.began) * self._settings.factor
        return bound(
            entry.rollout.service.rollout,
            self._delays,
            failure_rate=rate,
            requests_per_second=sent / seconds,
            restore_seconds=(restored - judged).total_seconds(),
            found_delay_seconds=(
                LAG_SECONDS
                if any(h.host == entry.rollout.service.name for h in self._calls.rows)
                else None
            ),
        )

    @staticmethod
    def _receipt(played: Played, limit: Bound | None) -> dict[str, Any]:
        """Return what the rollouts wrote down, by push; times are modelled."""
        entries = {n: e for n, e in played.entries.items() if e is not None}
        receipt: dict[str, Any] = {
            "reasons": {n: e.reason or "" for n, e in entries.items()},
            "rollouts": {
                n: receipt_as_json(e.receipt) for n, e in entries.items() if e.receipt
            },
        }
        if limit is not None:
            receipt["bound"] = limit.as_json()
        return receipt

    def _final_report(self, planned: int) -> Report:
        failed = self._failures()
        return Report(
            seconds=time.time() - self._began,
            clock_factor=self._settings.factor,
            sent=len(self._load.sent.rows) + len(self._asked_besides),
            failed=len(failed),
            failed_not_by_bad_release=sum(not each.by_bad_release for each in failed),
            found=len(self._calls.rows),
            found_lost=sum(not hop.answered for hop in self._calls.rows),
            scenes=[self._report(played, failed) for played in self._played],
            scenes_planned=planned,
        )

    # ------------------------------------------------------------------------- showing

    async def _keep_showing(self) -> None:
        while True:
            now = self._clock.now()
            self._screen.decided(self._decisions.read_new(self._names, now))
            self._screen.show(self._picture(now))
            await asyncio.sleep(POLL_SECONDS)

    def _picture(self, now: datetime) -> Picture:
        sent = self._load.sent.rows
        return Picture(
            now=now,
            since_begin_seconds=(now - self._epoch).total_seconds(),
            real_seconds=time.time() - self._began,
            clock_factor=self._settings.factor,
            scene=self._scene,
            story=self._story,
            sent=len(sent),
            failed=sum(each.failed for each in sent),
            slots=slot_rows(
                self._services,
                self._plane.view,
                self._runtime.tenancies,
                self._plane.log.rows,
                healthy=self._cloud.elb.healthy,
                factor=self._settings.factor,
            ),
            decisions=self._decisions.entries,
            played=self._reports,
        )
