"""Arguments and options that several commands have in common."""

import re
from pathlib import Path
from typing import Annotated

import typer
from slipway.domain.control import LONGEST_TEXT

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def _text(value: str | None) -> str | None:
    """Refuse what Slipway would not take."""
    if value is None:
        return None
    if not value.strip():
        raise typer.BadParameter("it is empty; write something")
    if len(value) > LONGEST_TEXT:
        raise typer.BadParameter(f"it is too long; write up to {LONGEST_TEXT} letters")
    return value


def _digest(value: str | None) -> str | None:
    if value is not None and not DIGEST.fullmatch(value):
        raise typer.BadParameter("write it as sha256: with 64 hex digits after it")
    return value


Environment = Annotated[
    str, typer.Option(envvar="SLIPWAY_ENVIRONMENT", help="Such as dev or prod.")
]
JournalTable = Annotated[
    str | None,
    typer.Option(
        envvar="SLIPWAY_JOURNAL_TABLE",
        help="The journal's table; else the stack slipway-ENVIRONMENT is asked.",
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        envvar="SLIPWAY_CLUSTER",
        help="The ECS cluster; else the stack slipway-ENVIRONMENT is asked.",
    ),
]
Region = Annotated[
    str | None, typer.Option(envvar="AWS_REGION", help="Else your profile's region.")
]
AsDocument = Annotated[
    bool, typer.Option("--json", help="Print one JSON document, errors too.")
]

ServiceName = Annotated[str, typer.Argument(metavar="SERVICE", help="Its name.")]
Why = Annotated[
    str,
    typer.Option(callback=_text, help="The reason: it is kept, and shown to others."),
]
By = Annotated[
    str | None,
    typer.Option(callback=_text, help="Who wants it; else the ARN that AWS knows."),
]
CommandId = Annotated[
    str | None,
    typer.Option(
        "--id",
        callback=_text,
        help="The command's id, else a new one: with the same id it counts once.",
    ),
]
RolloutId = Annotated[
    str | None,
    typer.Option(
        "--rollout",
        metavar="ID",
        callback=_text,
        help="Which rollout; else the one under way. `approve` needs it.",
    ),
]
FailedRolloutId = Annotated[
    str | None,
    typer.Option(
        "--rollout",
        metavar="ID",
        callback=_text,
        help="Which rollout; else the last one that was not promoted.",
    ),
]
WaitedRolloutId = Annotated[
    str | None,
    typer.Option(
        "--rollout",
        metavar="ID",
        callback=_text,
        help="Which rollout; else the one under way, or the last one.",
    ),
]
Digest = Annotated[
    str | None,
    typer.Option(
        metavar="sha256:...",
        callback=_digest,
        help="The image whose rollout is meant, also before it begins.",
    ),
]
StepNumber = Annotated[
    int | None,
    typer.Option("--step", min=0, help="Which step, from 0; else the present one."),
]
ReleaseId = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="RELEASE",
        callback=_text,
        help="Which release; else the one before the present one.",
    ),
]
AnswerTimeout = Annotated[
    float,
    typer.Option(min=0, metavar="SECONDS", help="How long to wait for the answer."),
]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Send it, and wait for no answer.")
]
AndWait = Annotated[
    bool, typer.Option("--wait", help="Wait for the end of the rollout it starts, too.")
]
Timeout = Annotated[
    float,
    typer.Option(min=0, metavar="SECONDS", help="How long to wait for the end."),
]
EnvironmentToo = Annotated[
    bool, typer.Option("--all", help="The whole environment, instead of a service.")
]
OneService = Annotated[
    str | None, typer.Argument(metavar="[SERVICE]", help="Its name; or say --all.")
]
ManifestFolder = Annotated[
    Path,
    typer.Argument(
        metavar="[FOLDER]",
        exists=True,
        file_okay=False,
        help="Where environment.yaml and services/ are; else this folder.",
    ),
]
EnvironmentFile = Annotated[
    str,
    typer.Option(
        metavar="FILE",
        help="The file in the folder that describes the environment.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]
LogsToo = Annotated[
    bool, typer.Option("--logs", help="Log groups too, with all entries in them.")
]
EcsService = Annotated[
    str,
    typer.Argument(metavar="CLUSTER/SERVICE", help="The ECS service that runs."),
]
NewName = Annotated[
    str | None,
    typer.Option(help="What manifests call it; else what ECS does."),
]
ExecutionRole = Annotated[
    str | None,
    typer.Option(
        metavar="role/slipway/...",
        help="For releases to come, where its own is outside role/slipway/.",
    ),
]
TaskRole = Annotated[
    str | None,
    typer.Option(metavar="role/slipway/...", help="The same for its task role."),
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Also what a CloudFormation stack would write over."),
]
ManifestOnly = Annotated[
    bool, typer.Option("--manifest-only", help="Write the manifest, and stop.")
]
NewFolder = Annotated[
    Path,
    typer.Argument(metavar="FOLDER", help="Where to write; it is made if need be."),
]
Account = Annotated[str | None, typer.Option(help="The AWS account's 12 digits.")]
Vpc = Annotated[str | None, typer.Option(metavar="vpc-...", help="The VPC.")]
Subnets = Annotated[
    list[str] | None,
    typer.Option(
        "--subnet", metavar="subnet-...", help="A private subnet; say it for each."
    ),
]
ExistingCluster = Annotated[
    str | None,
    typer.Option("--cluster", help="A cluster that there is; else one will be made."),
]
