"""`slipway init`: what it writes holds once ids are put in, and nothing is lost."""

from pathlib import Path

import pytest
from slipway_cli.exits import Exit
from slipway_cli.main import app
from typer.testing import CliRunner, Result

IDS = (
    *("--account", "111122223333", "--region", "eu-west-1"),
    *("--vpc", "vpc-0a1b2c3d4e5f60718"),
    *("--subnet", "subnet-0a1b2c3d4e5f60711", "--subnet", "subnet-0a1b2c3d4e5f60712"),
)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AWS_REGION", raising=False)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def init(*arguments: str) -> Result:
    return run("init", "shop", "--environment", "dev", *arguments)


def test_what_it_writes_holds_as_it_stands_once_ids_are_given() -> None:
    result = init(*IDS)
    assert result.exit_code == Exit.DONE, result.output
    assert result.stdout.splitlines() == [
        "wrote shop/environment.yaml",
        "wrote shop/services/example.yaml",
        "next: slipway validate shop",
    ]
    checked = run("validate", "shop")
    assert checked.exit_code == Exit.DONE, checked.output
    told = "environment dev in eu-west-1: 1 service, nothing wrong"
    assert checked.stdout.splitlines()[0] == told
    assert "example: canary: " in checked.stdout
    assert "create: true" in _cluster()


def test_what_is_not_given_is_refused_with_what_to_put_there() -> None:
    result = init()
    assert result.exit_code == Exit.DONE, result.output
    next_step = "next: put in what is called YOUR-..., then slipway validate shop"
    assert result.stdout.splitlines()[-1] == next_step
    checked = run("validate", "shop")
    assert checked.exit_code == Exit.INVALID
    said = {
        line.split("; ")[0].rpartition(": ")[2]: line.split("; ")[1]
        for line in checked.stdout.splitlines()
    }
    assert said == {
        "YOUR-ACCOUNT": "an AWS account's 12 digits",
        "YOUR-REGION": "an AWS region such as eu-west-1",
        "YOUR-VPC": "a VPC's id such as vpc-0a1b2c3d4e5f60718",
        "YOUR-SUBNET-1": "a subnet's id such as subnet-0a1b2c3d4e5f60718",
        "YOUR-SUBNET-2": "a subnet's id such as subnet-0a1b2c3d4e5f60718",
    }
    text = Path("shop/environment.yaml").read_text()
    for name, value in {
        "YOUR-ACCOUNT": '"111122223333"',
        "YOUR-REGION": "eu-west-1",
        "YOUR-VPC": "vpc-0a1b2c3d4e5f60718",
        "YOUR-SUBNET-1": "subnet-0a1b2c3d4e5f60711",
        "YOUR-SUBNET-2": "subnet-0a1b2c3d4e5f60712",
    }.items():
        text = text.replace(name, value)
    Path("shop/environment.yaml").write_text(text)
    assert run("validate", "shop").exit_code == Exit.DONE


def test_a_cluster_that_is_given_is_referred_to_and_not_made() -> None:
    assert init(*IDS, "--cluster", "workloads").exit_code == Exit.DONE
    assert run("validate", "shop").exit_code == Exit.DONE
    assert "name: workloads" in _cluster()
    assert "create: true" not in _cluster()


def test_what_is_given_is_never_taken_for_more_than_a_text() -> None:
    assert init(*IDS[:4], "--vpc", "x: [y").exit_code == Exit.DONE
    checked = run("validate", "shop")
    assert checked.exit_code == Exit.INVALID
    assert ": vpc: x: [y; a VPC's id such as" in checked.stdout


@pytest.mark.parametrize("file", ["environment.yaml", "services/example.yaml"])
def test_a_file_that_is_there_is_named_and_nothing_is_written(file: str) -> None:
    path = Path("shop") / file
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    result = init(*IDS)
    assert result.exit_code == Exit.ERROR
    said = f"slipway: shop/{file}: there already, and kept; nothing was written\n"
    assert result.stderr == said
    assert path.read_text() == "mine"
    assert [p for p in Path("shop").rglob("*") if p.is_file()] == [path]


def test_a_folder_that_cannot_be_written_to_is_named() -> None:
    Path("shop").write_text("a file")
    result = init(*IDS)
    assert result.exit_code == Exit.ERROR
    assert "shop/environment.yaml cannot be written: " in result.stderr


def _cluster() -> str:
    text = Path("shop/environment.yaml").read_text()
    return text.partition("\ncluster:")[2].partition("\n\n")[0]
