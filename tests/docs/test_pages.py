"""Shell examples of the pages are run, and say what the pages say that they say."""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def fences(page: Path) -> list[tuple[str, str]]:
    """(language, text) of every block of a page."""
    return FENCE.findall(page.read_text(encoding="utf-8"))


def commands(text: str) -> list[tuple[str, str]]:
    """(command, what it says) of a console block."""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    return [tuple(part.split("\n", 1)) for part in parts]  # type: ignore[misc]


with_console = [page for page in PAGES if any(kind == "console" for kind, _ in fences(page))]


@pytest.mark.parametrize("page", with_console, ids=lambda page: page.name)
def test_console_examples_are_true(page, tmp_path, monkeypatch):
    """Python examples of the page run first: they make the files that commands read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRUEUP_HISTORY")
    names: dict = {}
    code = "0"
    for kind, text in fences(page):
        if kind == "python":
            for example in doctest.DocTestParser().get_examples(text):
                with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(ValueError):
                    exec(compile(example.source, page.name, "single"), names)
        for command, said in commands(text) if kind == "console" else ():
            if command == "echo $?":
                got = code + "\n"
            else:
                got, code = run(command, tmp_path)
            if said.strip():
                assert matches(said, got), f"{command} says\n{got}"


def matches(said: str, got: str) -> bool:
    """Whether the words agree, where ``...`` stands for any."""
    parts = [re.escape(" ".join(part.split())) for part in said.split("...")]
    return re.fullmatch(r"\s*" + ".*".join(parts) + r"\s*", " ".join(got.split())) is not None


def run(command: str, folder: Path) -> tuple[str, str]:
    """What a command says on both streams, and its exit code."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=os.environ | {"PATH": path},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return done.stdout, str(done.returncode)


def test_commands_for_the_repository_exist():
    """Blocks marked sh are not run; what they call must be there."""
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    shown = [text for page in PAGES for kind, text in fences(page) if kind == "sh"]
    for line in filter(None, "".join(shown).splitlines()):
        word, *rest = line.split("#")[0].split()
        assert word in ("make", "pip", ".venv/bin/python", ".venv/bin/pytest"), line
        if word == "make":
            assert rest[0] in targets, line
        assert all((ROOT / name).exists() for name in rest if name.startswith("tools/")), line


def test_links_lead_somewhere():
    lost = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8")):
            if not (page.parent / target).exists():
                lost.append(f"{page.name}: {target}")
    assert not lost


def test_code_shown_to_contributors_is_the_code():
    page = ROOT / "CONTRIBUTING.md"
    source = (ROOT / "src/trueup/calibration/measures/brier.py").read_text("utf-8").splitlines()
    shown = [text for kind, text in fences(page) if kind == "python" and ">>>" not in text]
    assert len(shown) == 2
    assert not [line for line in "".join(shown).splitlines() if line not in source]
