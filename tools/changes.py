"""Change fragments: check them, show what the next release would say, or write it.

A fragment is ``changes/<short-name>.<added|changed|fixed>.md``: one sentence or a few, in plain
Markdown. ``--check`` fails where one is malformed, or where no fragment and no release names a
method of the library. Without arguments the section of the next release is printed.
``--release 1.2.0 2030-01-31`` writes it into CHANGELOG.md and removes the fragments.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path


ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from trueup.core.cards import read_cards  # noqa: E402


KINDS = {"added": "Added", "changed": "Changed", "fixed": "Fixed"}
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\.(added|changed|fixed)\.md")
LONGEST = 12
"""Lines of a fragment: what needs more belongs into the docs."""


def fragments(root: Path) -> list[Path]:
    """Every file of ``changes/``, in order of name."""
    return sorted(p for p in (root / "changes").glob("*") if not p.name.startswith("."))


def faults(path: Path) -> list[str]:
    """What is wrong with a fragment, in words."""
    if not NAME.fullmatch(path.name):
        return ["its name is not <short-name>.<added|changed|fixed>.md in small letters"]
    text = path.read_text(encoding="utf-8").strip()
    lines = text.splitlines()
    found = {
        "it is empty": not text,
        "it has a heading": any(line.startswith("#") for line in lines),
        "it does not start with a capital, a number or a `name`": not re.match(r"[A-Z0-9`]", text),
        "it does not end with a full stop": not text.endswith("."),
        f"it is longer than {LONGEST} lines": len(lines) > LONGEST,
        "a line is longer than 100 characters": any(len(line) > 100 for line in lines),
    }
    return [fault for fault, there in found.items() if there]


def unnamed(names: list[str], text: str) -> list[str]:
    """Those of ``names`` that ``text`` does not hold between backticks."""
    told = set(re.findall(r"`([^`]+)`", text))
    return [name for name in names if name not in told]


def section(paths: list[Path], title: str) -> str:
    """The section of a release made of fragments."""
    lines = [f"## {title}", ""]
    for kind, heading in KINDS.items():
        texts = [p.read_text("utf-8").strip() for p in paths if p.name.endswith(f".{kind}.md")]
        if texts:
            lines += [f"### {heading}", ""]
            lines += ["* " + text.replace("\n", "\n  ") for text in texts]
            lines += [""]
    return "\n".join(lines)


def check(root: Path) -> list[str]:
    """Every complaint about the fragments of a repository."""
    paths = fragments(root)
    found = [f"changes/{p.name}: {fault}" for p in paths for fault in faults(p)]
    everything = [root / "CHANGELOG.md", *(p for p in paths if not faults(p))]
    told = "\n".join(p.read_text(encoding="utf-8") for p in everything)
    names = [card.name for card in read_cards(root / "src" / "trueup")]
    return found + [
        f"`{name}` is named in no fragment: write changes/<short-name>.added.md"
        for name in unnamed(names, told)
    ]


def release(root: Path, version: str, day: str) -> None:
    """Move the fragments into CHANGELOG.md, above the earlier releases."""
    paths, log = fragments(root), root / "CHANGELOG.md"
    head, *rest = log.read_text(encoding="utf-8").split("\n## ")
    made = section(paths, f"{version} ({day})")
    log.write_text("\n".join([head.rstrip() + "\n", made, *(f"## {r}" for r in rest)]), "utf-8")
    for path in paths:
        path.unlink()


def main(arguments: list[str]) -> int:
    """Run one of the three jobs."""
    complaints = check(ROOT)
    if complaints:
        sys.stderr.write("\n".join(complaints) + "\n")
        return 1
    match arguments:
        case ["--check"]:
            return 0
        case ["--release", version, day]:
            release(ROOT, version, day)
        case []:
            sys.stdout.write(section(fragments(ROOT), "Next release"))
        case _:
            sys.stderr.write(__doc__ or "")
            return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
