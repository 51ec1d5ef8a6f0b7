"""The kinds of values that fields of manifests take.

Each kind reads a value, refuses what does not fit with what would, and says the same in
JSON Schema. A field states its bounds here once; errors, schema and document follow.
"""

import re
import shlex
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from slipway.manifests.nodes import WrittenFloat, WrittenInt
from slipway.manifests.problems import Path

REFUSED = "refused"
"""The type of errors whose context says what is allowed, and where beneath."""

_DURATION = re.compile(r"(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?")
_DIGITS = re.compile(r"[+-]?\d")
_HOUR, _MINUTE = 3600, 60
DURATION_FORM = r"^(\d+h)?(\d+m)?(\d+s)?$"
"""What tells a duration from other texts in JSON Schema."""


def refused(
    allowed: str, *, at: Path = (), found: str | None = None
) -> PydanticCustomError:
    """Return what a validator raises. `at` leads on from the field that is validated.

    `found` stands for what is written there, where that alone does not say it.
    """
    return PydanticCustomError(
        REFUSED, "{allowed}", {"allowed": allowed, "at": at, "found": found}
    )


class Section(BaseModel):
    """Keys that belong together; others are refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True
    )


@dataclass(frozen=True, slots=True)
class _Kind(ABC):
    """What all kinds have in common."""

    @abstractmethod
    def read(self, value: Any) -> Any:
        """Return the value; raise what `refused` gives where it does not fit."""

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """Say the same in JSON Schema."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return self.schema()


@dataclass(frozen=True, slots=True)
class Whole(_Kind):
    """A whole number within bounds."""

    least: int
    most: int | None = None
    unit: str = ""

    @property
    def allowed(self) -> str:
        """Say the bounds."""
        bounds = f"{self.least} or more"
        if self.most is not None:
            bounds = f"{self.least} to {self.most}"
        return f"a whole number{f' of {self.unit}' if self.unit else ''}, {bounds}"

    def read(self, value: Any) -> int:
        """Return the value; raise what `refused` gives where it does not fit."""
        if isinstance(value, str) and _DIGITS.match(value):
            plain = "in plain decimal digits and without quotes"
            raise refused(f"{self.allowed}, {plain}")
        if isinstance(value, bool) or not isinstance(value, int):
            raise refused(self.allowed)
        if value < self.least or (self.most is not None and value > self.most):
            raise refused(self.allowed)
        return int(value)

    def schema(self) -> dict[str, Any]:
        """Say the same in JSON Schema."""
        bounds = {"minimum": self.least}
        if self.most is not None:
            bounds["maximum"] = self.most
        return {"type": "integer", **bounds}


@dataclass(frozen=True, slots=True)
class Number(_Kind):
    """A number within bounds."""

    least: float
    most: float
    unit: str = ""

    @property
    def allowed(self) -> str:
        """Say the bounds."""
        unit = f" of {self.unit}" if self.unit else ""
        return f"a number{unit}, {self.least:g} to {self.most:g}"

    def read(self, value: Any) -> float:
        """Return the value; raise what `refused` gives where it does not fit."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise refused(self.allowed)
        if not self.least <= value <= self.most:
            raise refused(self.allowed)
        return float(value)

    def schema(self) -> dict[str, Any]:
        """Say the same in JSON Schema."""
        return {"type": "number", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Seconds(_Kind):
    """A duration: a whole number of seconds, or a text such as 90s, 2m or 1h30m."""

    least: int
    most: int | None = None

    @property
    def allowed(self) -> str:
        """Say the bounds."""
        bounds = f"{self.least} s or more"
        if self.most is not None:
            bounds = f"{self.least} to {self.most} s"
        return f"a duration such as 45s, 2m or 1h30m, {bounds}"

    def read(self, value: Any) -> int:
        """Return the value; raise what `refused` gives where it does not fit."""
        seconds = self._seconds(value)
        if seconds is None or seconds < self.least:
            raise refused(self.allowed)
        if self.most is not None and seconds > self.most:
            raise refused(self.allowed)
        return seconds

    def _seconds(self, value: Any) -> int | None:
        if isinstance(value, bool):
            return None
        if isinstance(value, int):
            return int(value)
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if match is None or not any(match.groups()):
            return None
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return hours * _HOUR + minutes * _MINUTE + seconds

    def schema(self) -> dict[str, Any]:
        """Say the same in JSON Schema."""
        return {
            "anyOf": [
                Whole(self.least, self.most).schema(),
                {
                    "type": "string",
                    "pattern": DURATION_FORM,
                    "patternErrorMessage": self.allowed,
                },
            ]
        }


def _bounded(text: str, longest: int | None, allowed: str) -> str:
    """Return a text; refuse one that is too long, `allowed` leading to the bound."""
    if longest is not None and len(text) > longest:
        raise refused(
            f"{allowed} {longest} characters", found=f"{len(text)} characters"
        )
    return text


def _bound(longest: int | None) -> dict[str, Any]:
    """Say the same in JSON Schema."""
    return {} if longest is None else {"maxLength": longest}


@dataclass(frozen=True, slots=True)
class Words(_Kind):
    """A text that has a form. Numbers and truths count as they are written."""

    form: str
    allowed: str
    longest: int | None = None

    def read(self, value: Any) -> str:
        """Return the value; raise what `refused` gives where it does not fit."""
        text = as_written(value)
        if text is None or not re.fullmatch(self.form, text):
            raise refused(self.allowed)
        return _bounded(text, self.longest, f"{self.allowed}, at most")

    def schema(self) -> dict[str, Any]:
        """Say the same in JSON Schema."""
        return {
            "type": "string",
            "pattern": f"^(?:{self.form})$",
            "patternErrorMessage": self.allowed,
            **_bound(self.longest),
        }


@dataclass(frozen=True, slots=True)
class FreeText(_Kind):
    """Any text; numbers and truths count as they are written."""

    longest: int | None = None

    def read(self, value: Any) -> str:
        """Return the value; raise what `refused` gives where it does not fit."""
        text = as_written(value)
        if text is None:
            raise refused("a text")
        return _bounded(text, self.longest, "a text of at most")

    def schema(self) -> dict[str, Any]:
        """Say the same in JSON Schema."""
        return {"type": ["string", "number", "boolean"], **_bound(self.longest)}


@dataclass(frozen=True, slots=True)
class YesNo(_Kind):
    """true or false, in these words."""

    def read(self, value: Any) -> bool:
        """Return the value; raise what `refused` gives where it does not fit."""
        if not isinstance(value, bool):
            raise refused("true or false, in these words and without quotes")
        return value

    def schema(self) -> dict[str, Any]:
        """Say the same in JSON Schema."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Shorthand:
    """A section that can also be written as one value, which `expand` turns into it."""

    expand: Callable[[Any], Any]
    brief: Mapping[str, Any]
    """The JSON Schema of the short form."""
    allowed: str

    def read(self, value: Any) -> Any:
        """Return the section's keys, or what is already one."""
        if isinstance(value, dict | BaseModel):
            return value
        expanded = self.expand(value)
        if expanded is None:
            raise refused(self.allowed)
        return expanded

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [dict(self.brief), handler(schema)]}


def as_written(value: Any) -> str | None:
    """Return a single value's text as it is written; None for all else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, WrittenInt | WrittenFloat):
        return value.written
    return value if isinstance(value, str) else None


def once(values: Sequence[Any]) -> Any:
    """Refuse a list that names something twice."""
    for number, value in enumerate(values):
        if value in values[:number]:
            raise refused("each stands once", at=(number,), found=f"{value} again")
    return values


def _known_zone(name: str) -> str:
    """Refuse a zone that nobody knows."""
    try:
        ZoneInfo(name)
    except (LookupError, OSError, ValueError) as error:
        raise refused(_ZONE) from error
    return name


def _one_or_more(value: Any) -> Any:
    return [value] if as_written(value) is not None else value


def _words_of(value: Any) -> Any:
    """Split a command as a shell would."""
    text = as_written(value)
    if text is None:
        return value
    try:
        return shlex.split(text)
    except ValueError as error:
        raise refused("a command whose quotes are closed, or a list") from error


@dataclass(frozen=True, slots=True)
class _OrOne:
    """A list that can be written as one text."""

    read: Callable[[Any], Any] = field(default=_one_or_more)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, handler(schema)]}


# ----------------------------------------------------- kinds that several fields take

NAME_FORM = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
_NAME = "lower-case letters, digits and single hyphens, beginning with a letter"

_ZONE = "UTC or a zone such as Europe/Berlin"

Flag = Annotated[bool, YesNo()]
Zone = Annotated[
    str,
    Words(r"UTC|[A-Z][A-Za-z]+(/[A-Z][A-Za-z_-]+)+", _ZONE),
    AfterValidator(_known_zone),
]
Name = Annotated[str, Words(NAME_FORM, _NAME, 32)]
Text = Annotated[str, FreeText()]
Port = Annotated[int, Whole(1, 65535)]
VariableName = Annotated[
    str,
    Words(
        "[A-Za-z_][A-Za-z0-9_]*",
        "a variable's name: letters, digits and _, not beginning with a digit",
    ),
]
SubnetId = Annotated[
    str,
    Words("subnet-[0-9a-f]{8,17}", "a subnet's id such as subnet-0a1b2c3d4e5f60718"),
]
SecurityGroupId = Annotated[
    str,
    Words("sg-[0-9a-f]{8,17}", "a security group's id such as sg-0a1b2c3d4e5f60718"),
]
ContainerPath = Annotated[
    str, Words("/[^\\s:]*", "an absolute path in the container, such as /var/data")
]
Command = Annotated[tuple[Text, ...], _OrOne(_words_of)]
"""A list of words, or one text that is split as a shell would."""
TagKey = Annotated[
    str,
    Words(
        r"(?!aws:|slipway:)[\w .:/=+@-]{1,128}",
        "1 to 128 letters, digits, spaces and . : / = + - @, "
        "not beginning with aws: or slipway:",
    ),
]
MOST_TAGS = 45
"""Of a resource. AWS takes 50; a few are Slipway's own."""
Tags = Annotated[
    dict[TagKey, Annotated[str, FreeText(256)]], Field(max_length=MOST_TAGS)
]
Domain = Annotated[
    str,
    Words(
        r"(\*\.)?[a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)+",
        "a domain name in lower case, such as shop.example or *.shop.example",
        253,
    ),
]
Domains = Annotated[
    tuple[Domain, ...], _OrOne(), Field(min_length=1), AfterValidator(once)
]
Hosts = Annotated[
    tuple[
        Annotated[
            str,
            Words(
                r"[A-Za-z0-9*?]([A-Za-z0-9.*?-]*[A-Za-z0-9*?])?",
                "a host name such as shop.example, * and ? match any characters",
                128,
            ),
        ],
        ...,
    ],
    _OrOne(),
    Field(min_length=1),
    AfterValidator(once),
]
