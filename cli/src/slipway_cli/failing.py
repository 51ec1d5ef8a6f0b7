"""How the command fails: with a sentence that says what to do, and a code."""

import json
from collections.abc import Sequence
from typing import Any

import typer
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    LoginError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from slipway.errors import AccessDenied, InvalidRecord, RetryableError, SlipwayError
from slipway.gateways.failures import code_of
from typer.core import TyperGroup

from slipway_cli.exits import Exit

SIGN_IN = "sign in to AWS (such as by `aws sso login`), or set AWS_PROFILE"
UNKNOWN_CALLER = (
    CredentialRetrievalError,
    LoginError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)
HINTS: Sequence[tuple[type[Exception] | tuple[type[Exception], ...], str]] = (
    (UNKNOWN_CALLER, SIGN_IN),
    (NoRegionError, "give --region, or set AWS_REGION"),
    (
        ProfileNotFound,
        "set AWS_PROFILE to one that `aws configure list-profiles` names",
    ),
    (AccessDenied, "ask for the permissions that docs/operations.md lists"),
    (
        (RetryableError, BotoCoreError),
        "see that AWS can be reached from here, then try again",
    ),
    (InvalidRecord, "correct it, then try again"),
)
"""What to do about an error, or about what it was raised from: the first that fits."""
HINTS_BY_CODE = {
    "ExpiredToken": SIGN_IN,
    "ExpiredTokenException": SIGN_IN,
    "InvalidClientTokenId": SIGN_IN,
    "UnrecognizedClientException": SIGN_IN,
    "ResourceNotFoundException": (
        "see that --environment, --journal-table and --region belong together"
    ),
}
"""The same by AWS's own code."""


OTHERWISE_USED = frozenset({"plan"})
"""Commands whose code 2 says something else: their wrong usage is an ERROR."""


class Explaining(TyperGroup):
    """Commands that end in a sentence, or a document with --json; in no traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; explain what goes wrong in it."""
        as_document = "--json" in ctx.args
        try:
            return super().invoke(ctx)
        except typer.TyperException as error:
            if ctx.invoked_subcommand in OTHERWISE_USED:
                error.exit_code = Exit.ERROR
            if not as_document:
                raise
            reason, code = error.format_message(), Exit(error.exit_code)
        except (SlipwayError, BotoCoreError) as error:
            reason, code = explain(error), Exit.ERROR
        if as_document:
            typer.echo(json.dumps({"error": reason, "exit_code": code}, indent=2))
        else:
            typer.secho(f"slipway: {reason}", fg="red", err=True)
        raise typer.Exit(code)


def explain(error: Exception) -> str:
    """Say what went wrong, and what to do about it where that can be known."""
    hint = _hint(error)
    return f"{error}; {hint}" if hint else str(error)


def _hint(error: Exception) -> str | None:
    cause = error.__cause__ or error
    code = code_of(cause) if isinstance(cause, ClientError) else ""
    fits = (
        h for kinds, h in HINTS if isinstance(cause, kinds) or isinstance(error, kinds)
    )
    return HINTS_BY_CODE.get(code) or next(fits, None)
