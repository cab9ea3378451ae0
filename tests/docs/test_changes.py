"""Change fragments are well formed, and a release gathers them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("changes", ROOT / "tools" / "changes.py")
changes = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(changes)


def test_the_repository_is_in_order():
    assert changes.check(ROOT) == []


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("New.added.md", "A sentence.", "name"),
        ("new.removed.md", "A sentence.", "name"),
        ("new.added.md", "", "empty"),
        ("new.added.md", "# Title\n\nA sentence.", "heading"),
        ("new.fixed.md", "a sentence.", "capital"),
        ("new.changed.md", "A sentence", "full stop"),
        ("new.added.md", "A\n" * 20 + "sentence.", "longer than 12"),
        ("new.added.md", "A " + "very " * 30 + "long line.", "100 characters"),
    ],
)
def test_faults_are_named(tmp_path, name, text, fault):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert any(fault in said for said in changes.faults(path))


def test_a_method_without_a_fragment_is_noticed():
    assert changes.unnamed(["brier", "auc"], "New: `brier`, auc.") == ["auc"]


def test_a_release_moves_the_fragments(tmp_path):
    (tmp_path / "changes").mkdir()
    for name, text in (("b.fixed.md", "A fault."), ("a.added.md", "One\nthing.")):
        (tmp_path / "changes" / name).write_text(text + "\n", encoding="utf-8")
    log = tmp_path / "CHANGELOG.md"
    log.write_text("# Changes\n\nHead.\n\n## 0.1.0 (2030-01-01)\n\n* Old.\n", encoding="utf-8")
    changes.release(tmp_path, "0.2.0", "2030-02-01")
    assert log.read_text(encoding="utf-8") == (
        "# Changes\n\nHead.\n\n## 0.2.0 (2030-02-01)\n\n### Added\n\n* One\n  thing.\n\n"
        "### Fixed\n\n* A fault.\n\n## 0.1.0 (2030-01-01)\n\n* Old.\n"
    )
    assert changes.fragments(tmp_path) == []
