"""Operations on numbers, a row each: how NumPy and SQL do them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trueup.core.errors import UsageError
from trueup.core.expressions.nodes import Expr, Join, Scaled, Total
from trueup.core.probabilities import EPS


TINY = 1e-300
"""Least number inside a logarithm."""


@dataclass(frozen=True)
class Op:
    """An operation on numbers: how NumPy and SQL do it. ``{0}`` stands for its first argument."""

    numpy: Callable[..., np.ndarray]
    sql: str


OPS = {
    "add": Op(np.add, "{0} + {1}"),
    "subtract": Op(np.subtract, "{0} - {1}"),
    "multiply": Op(np.multiply, "{0} * {1}"),
    "divide": Op(np.divide, "{0} / {1}"),
    "greatest": Op(np.maximum, "greatest({0}, {1})"),
    "least": Op(np.minimum, "least({0}, {1})"),
    "sqrt": Op(lambda x: np.sqrt(np.maximum(x, 0.0)), "sqrt(greatest({0}, 0e0))"),
    "exp": Op(lambda x: np.exp(np.minimum(x, 700.0)), "exp(least({0}, 700e0))"),
    "log": Op(lambda x: np.log(np.maximum(x, TINY)), f"ln(greatest({{0}}, {TINY!r}))"),
    # ln(1 + e^x), written so that neither branch overflows.
    "softplus": Op(lambda x: np.logaddexp(0.0, x), "greatest({0}, 0e0) + ln(1e0 + exp(-abs({0})))"),
    # Log-odds of a log-probability; 1 - e^x keeps its digits where x is near 0.
    "log_odds": Op(
        lambda x: x - np.log(np.maximum(-np.expm1(x), EPS)),
        f"{{0}} - ln(greatest(-2e0 * sinh({{0}} / 2e0) * exp({{0}} / 2e0), {EPS!r}))",
    ),
    # Log of a probability, and of one minus it, both with the floor of all our logarithms.
    "log_prob": Op(lambda x: np.log(np.maximum(x, EPS)), f"ln(greatest({{0}}, {EPS!r}))"),
    "log_rest": Op(
        lambda x: np.log(np.maximum(1.0 - x, EPS)), f"ln(greatest(1e0 - {{0}}, {EPS!r}))"
    ),
}


@dataclass(frozen=True, eq=False)
class Apply(Expr):
    """The operation ``op`` of ``OPS``, column by column; a part of one column serves all."""

    op: str
    parts: tuple[Expr, ...]

    def __post_init__(self) -> None:
        if self.op not in OPS:
            raise UsageError(
                "expression", f"there is no operation {self.op!r}", do=f"Use {', '.join(OPS)}"
            )

    @property
    def width(self) -> int:
        return max(part.width for part in self.parts)

    @property
    def parents(self) -> tuple[Expr, ...]:
        return self.parts

    def numpy(self, *parts: np.ndarray) -> np.ndarray:
        return OPS[self.op].numpy(*parts)

    def sql(self, *parts: list[str]) -> list[str]:
        wide = [part * (self.width // len(part)) for part in parts]
        return [OPS[self.op].sql.format(*row) for row in zip(*wide, strict=True)]


def operate(op: str, *parts: Expr) -> Apply:
    """The operation ``op`` on ``parts``."""
    return Apply(op, parts)


def softmax(x: Expr) -> Expr:
    """Shares that sum to one, without overflow."""
    powers = operate("exp", operate("subtract", x, Total(x, greatest=True)))
    return operate("divide", powers, Total(powers))


def log_softmax(x: Expr) -> Expr:
    """Logarithms of the shares."""
    low = operate("subtract", x, Total(x, greatest=True))
    return operate("subtract", low, operate("log", Total(operate("exp", low))))


def logs_of(probs: Expr, *, event: bool) -> Expr:
    """Log-probabilities of the classes from their probabilities, or from that of the event."""
    said = operate("log_prob", probs)
    return Join((operate("log_rest", probs), said)) if event else said


def probs_of(probs: Expr, *, event: bool) -> Expr:
    """Probabilities of the classes from themselves, or from that of the event."""
    return Join((Scaled(probs, -1.0, 1.0), probs)) if event else probs
