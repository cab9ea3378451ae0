"""The command line: one file a command, read when the command is used."""

from __future__ import annotations

import importlib
import os
import sys
import unicodedata

import click


COMMANDS = (
    "audit", "correct", "discover", "merge", "compress", "kin", "prove", "apply", "export",
    "history", "methods", "demo", "reproduce",
)  # fmt: skip


class Lazy(click.Group):
    """A group that imports a command only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return importlib.import_module(f"trueup.cli.{cmd_name}").command


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="trueup")
def trueup() -> None:
    """Measure how far a model is from the truth, correct it, and prove the correction."""


def plain(text: object) -> str:
    """Text for a terminal: what data may hold to move its cursor or its colours is spelled out."""
    return "".join(
        c if c.isprintable() or unicodedata.category(c) == "Zs" else ascii(c)[1:-1]
        for c in str(text)
    )


def main() -> None:
    """Run a command; say what is wrong in one line and leave with its code.

    Codes: 0 done, 1 a --fail-if holds, 2 bad usage, 3 bad data.
    """
    from trueup.core.errors import TrueupError, UsageError

    try:
        code = trueup.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        code = 130
    except TrueupError as error:
        click.echo(plain(f"trueup: {error}".replace("trueup: trueup:", "trueup:", 1)), err=True)
        code = 2 if isinstance(error, UsageError) else 3
    except BrokenPipeError:  # who read our output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except (OSError, MemoryError) as error:
        text = f"trueup: {error}. Check the path, the rights and the space."
        click.echo(plain(text), err=True)
        code = 3
    sys.exit(code or 0)
