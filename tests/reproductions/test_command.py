"""``trueup reproduce``: lists, runs, skips, and says where the scripts live."""

from __future__ import annotations

import sys

import pytest

from cli.shell import quick, run
from reproductions.ledger import read_scripts
from toy_scripts import toy
from trueup.cli import reproduce


def test_without_a_number_it_lists_them(tmp_path):
    done = run(tmp_path, "reproduce")
    assert (done.code, done.err) == (0, "")
    for script in read_scripts():
        assert script.system.split()[0] in done.out


def test_an_unknown_number_is_named(tmp_path):
    done = quick(tmp_path, "reproduce", "999999")
    assert done.code == 2
    assert done.err.startswith("trueup: reproduce: there is no script for [999999]. Use ")


def test_without_the_repository_it_says_where_the_scripts_are(tmp_path, monkeypatch):
    monkeypatch.setattr(reproduce, "__file__", str(tmp_path / "a" / "b" / "c" / "reproduce.py"))
    done = quick(tmp_path, "reproduce")
    assert done.code == 2
    assert "the folder 'reproductions' is neither beside the package nor here" in done.err
    assert "Clone the repository" in done.err


@pytest.mark.parametrize("words", [("900",), ("--all",)])
def test_a_tiny_run_says_what_it_found_and_writes_nothing(tmp_path, monkeypatch, words):
    toys = [toy(tmp_path, "return [Estimate(-1.0 - seed)]")]
    monkeypatch.setattr(reproduce, "_scripts", lambda: toys)
    done = quick(tmp_path, "reproduce", *words, "--tiny", "--jobs", "1")
    assert (done.code, done.err) == (0, "")
    assert "900 Toy\n  no: it falls: -1.5 (-7.85 to 4.85)\n" in done.out
    assert not (tmp_path / "ledger.json").exists()


def test_what_cannot_run_here_is_skipped(tmp_path, monkeypatch):
    toys = [toy(tmp_path, "return []", more='needs=("no_such_package",),')]
    monkeypatch.setattr(reproduce, "_scripts", lambda: toys)
    done = quick(tmp_path, "reproduce", "900")
    assert done.out == "900 Toy\n  skipped: the package no_such_package is not here\n"


def test_the_module_is_the_command(tmp_path, monkeypatch):
    import runpy

    monkeypatch.setattr(sys, "argv", ["python -m reproductions", "999999"])
    with pytest.raises(SystemExit) as left:
        runpy.run_module("reproductions", run_name="__main__")
    assert left.value.code == 2
