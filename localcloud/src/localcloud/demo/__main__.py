"""`python -m localcloud.demo`: play the demonstration, exit with 0 if all is well."""

import argparse
import asyncio
import shutil
import signal
import socket
import sys
from pathlib import Path

from rich.console import Console

from localcloud.demo.performance import Performance, Settings
from localcloud.demo.report import Report
from localcloud.demo.view import Screen, summary

REPOSITORY = Path(__file__).parents[4]
FACTOR = 30.0
"""Modelled seconds to a real one: every delay of AWS is shortened by it."""
RATE = 100.0
"""Requests a real second; some 3 a modelled one at factor 30."""
INTERRUPTED = 130
BUSY = 2
ALONE = "\0slipway-demo"
"""A name in Linux's abstract namespace, taken while a demonstration runs: two would
want the same loopback addresses for their tasks."""


def main() -> int:
    """Play and report; return the exit code."""
    arguments = _arguments()
    console = Console()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as alone:
        try:
            alone.bind(ALONE)
        except OSError:
            console.print("Another demonstration is running on this machine.")
            return BUSY
        return _perform(arguments, console)


def _perform(arguments: argparse.Namespace, console: Console) -> int:
    folder = arguments.build / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    settings = Settings(REPOSITORY, folder.resolve(), arguments.factor, arguments.rate)
    try:
        with Screen(console, plain=arguments.plain) as screen:
            report = asyncio.run(_play(settings, screen))
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("Interrupted; everything that was started has been ended.")
        return INTERRUPTED
    report.write(arguments.build / "demo.json")
    console.print(summary(report))
    return 0 if report.ok else 1


async def _play(settings: Settings, screen: Screen) -> Report:
    """Play until the end or a signal; SIGINT cancels by itself."""
    playing = asyncio.current_task()
    assert playing is not None
    for name in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(name, playing.cancel)
    return await Performance(settings, screen).run()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m localcloud.demo")
    parser.add_argument("--factor", type=float, default=FACTOR)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--plain", action="store_true", help="lines, no live view")
    parser.add_argument("--build", type=Path, default=REPOSITORY / "build")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
