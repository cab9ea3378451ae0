"""What a network says of the rows of a trial, as evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, log_softmax, softmax

from trueup.core.errors import EvidenceError, LeakageError, TrueupError, UsageError
from trueup.core.evidence import Evidence
from trueup.core.measure import AbstractMeasure
from trueup.core.named import USUAL_SCORE, named
from trueup.core.predictions import Points, Prediction
from trueup.core.probabilities import Probabilities
from trueup.core.row_score import AbstractRowScore
from trueup.core.rows import NOBODY
from trueup.core.weights.calibrated import hashes_of, shared_rows
from trueup.core.weights.opened import open_weights
from trueup.parameters.proving.trial import Trial, named_parts


if TYPE_CHECKING:
    from trueup.adapters.network import Network


@dataclass(frozen=True)
class TokenScore(AbstractRowScore):
    """A score of every token, which the network gave while it ran."""

    name: str = "log_loss"
    better: str = "lower"  # type: ignore[misc]
    label = "Score of a token"
    kinds = ("points",)

    def rows(self, prediction: Prediction, truth: np.ndarray) -> np.ndarray:
        assert isinstance(prediction, Points)
        return prediction.values


TOKENS = {"log_loss": TokenScore(), "accuracy": TokenScore("accuracy", "higher")}
"""Scores of sequences; their rows are tokens, and a sequence is a cluster."""


@dataclass(frozen=True)
class Tried:
    """What one side of a proof says.

    Attributes
    ----------
    evidence
        Predictions and truth; None where some are not finite.
    score
        What they are judged by.
    learned
        Rows that the weights remember.
    """

    evidence: Evidence | None
    score: AbstractMeasure
    learned: int = 0


def tried(side: Any, trial: Trial, score: str) -> Tried:
    """Run a network with the weights ``side`` on the rows of ``trial``.

    Raises
    ------
    LeakageError
        The weights remember rows of the trial.
    EvidenceError
        The module cannot run on the inputs, or gives another shape than the truth has.
    UsageError
        There is no module, or no such score.
    """
    network, metadata = _network(side, trial.arch)
    if seen := shared_rows(trial.inputs, metadata):
        raise LeakageError(
            "prove",
            f"the weights were calibrated on {seen} of the {len(trial)} rows of 'on'",
            why="a change always looks good on rows that it has seen",
            do="Pass rows that were held out",
        )
    outputs = _runs(network, trial)
    first = next(outputs)
    read, measure = _reader(first, trial, score)
    parts = [read(first, slice(0, len(first)))]
    at = len(first)
    for part in outputs:
        parts.append(read(part, slice(at, at + len(part))))
        at += len(part)
    evidence = _evidence(np.concatenate(parts), trial, measure)
    return Tried(evidence, measure, len(hashes_of(metadata)))


def _network(side: Any, arch: Any) -> tuple[Network, dict[str, str]]:
    from trueup.adapters.network import Network

    if isinstance(side, Network):
        return side, {}
    if hasattr(side, "state_dict") and callable(side):
        return Network.of(side), {}
    if arch is None:
        raise UsageError(
            "prove", "there are weights and no module that they belong to",
            do="Pass Trial(..., arch=...), a module or module:function",
        )  # fmt: skip
    weights = open_weights(side)
    return Network.of(arch, weights), dict(weights.metadata)


def _runs(network: Network, trial: Trial) -> Iterator[np.ndarray]:
    """Outputs, some rows at a time; what the module complains of becomes one line."""
    inputs = _as_single(trial.inputs, network)
    try:
        yield from network.batches(inputs)
    except TrueupError:
        raise
    except Exception as error:  # a module of others may refuse its input in any way
        said = ", ".join(
            f"{name} {np.asarray(part).dtype} {np.shape(part)}"
            for name, part in named_parts(trial.inputs).items()
        )
        text = " ".join(str(error).split())[:200]
        raise EvidenceError(
            "prove", f"the module cannot run on {said}: {type(error).__name__}: {text}",
            do="Pass inputs as its forward takes them",
        ) from error  # fmt: skip


def _as_single(inputs: Any, network: Network) -> Any:
    """Real numbers in the type of the module's own."""
    import torch

    kinds = {p.dtype for p in network.module.parameters() if p.is_floating_point()}
    wanted = np.float64 if kinds == {torch.float64} else np.float32

    def one(part: Any) -> Any:
        array = np.asarray(part)
        return array.astype(wanted) if array.dtype in (np.float32, np.float64) else part

    if isinstance(inputs, dict):
        return {name: one(part) for name, part in inputs.items()}
    return tuple(map(one, inputs)) if isinstance(inputs, tuple) else one(inputs)


def _reader(first: np.ndarray, trial: Trial, score: str) -> Any:
    """How outputs become numbers of rows, and what these are judged by."""
    truth, shape = trial.truth, first.shape
    whole = truth.dtype.kind in "iu"
    if whole and truth.ndim == 2 and shape[1:2] == truth.shape[1:] and len(shape) == 3:
        return _token_reader(truth, score), TOKENS[score or "log_loss"]
    if whole and truth.ndim == 1 and (len(shape) == 1 or (len(shape) == 2 and shape[1] > 0)):
        most = max(shape[1] if len(shape) == 2 else 1, 2)
        if truth.min() < 0 or truth.max() >= most:
            raise EvidenceError(
                "prove", f"classes go from {truth.min()} to {truth.max()}, the module has {most}",
                do="Number classes from 0 in the order of its outputs; write real numbers as such",
            )  # fmt: skip
        return (lambda part, rows: part.astype(np.float64)), _measure(score, "probabilities")
    if not whole and int(np.prod(shape[1:])) == int(np.prod(truth.shape[1:])):
        return (lambda part, rows: part.astype(np.float64)), _measure(score, "points")
    raise EvidenceError(
        "prove",
        f"the module gives {('n', *shape[1:])} for a truth of {truth.dtype} {truth.shape}",
        do="Pass classes (n,), tokens (n, T), or real numbers of the shape of the output",
    )


def _measure(score: str, kind: str) -> AbstractMeasure:
    found = named("prove", score or USUAL_SCORE[kind], AbstractMeasure)
    if kind not in found.kinds:
        raise UsageError(
            "prove", f"{found.name} is of {' or '.join(found.kinds)}, the module gives {kind}",
            do=f"Leave the score out for {USUAL_SCORE[kind]}",
        )  # fmt: skip
    return found


def _token_reader(truth: np.ndarray, score: str) -> Any:
    if (score or "log_loss") not in TOKENS:
        raise UsageError("prove", f"{score} is no score of tokens", do=f"Use {', '.join(TOKENS)}")

    def read(part: np.ndarray, rows: slice) -> np.ndarray:
        wanted = truth[rows]
        if wanted.max() >= part.shape[2]:
            raise EvidenceError(
                "prove", f"there is a token {wanted.max()}, the module knows {part.shape[2]}",
                do="Pass tokens of its own tokenizer",
            )  # fmt: skip
        place = np.maximum(wanted, 0)[..., None]
        if score == "accuracy":
            return (part.argmax(axis=2) == wanted).astype(np.float64)
        return -np.take_along_axis(log_softmax(part.astype(np.float64), axis=2), place, 2)[..., 0]

    return read


def _evidence(found: np.ndarray, trial: Trial, measure: AbstractMeasure) -> Evidence | None:
    """Rows as evidence; tokens and several numbers of a row stay together in a cluster."""
    if not np.isfinite(found).all():
        return None
    truth, cluster = trial.truth, trial.cluster
    if truth.ndim == 1:
        prediction = _law(found) if truth.dtype.kind in "iu" else Points(found.reshape(len(truth)))
        return Evidence(prediction, truth, cluster=cluster, rows=NOBODY)
    if cluster is None:
        cluster = np.arange(len(truth))
    cluster = np.repeat(cluster, truth.shape[1])
    found, truth = found.reshape(-1), truth.reshape(-1)
    if isinstance(measure, TokenScore):
        counts = truth >= 0
        found, cluster, truth = found[counts], cluster[counts], np.zeros(counts.sum())
    return Evidence(Points(found), truth, cluster=cluster, rows=NOBODY)


def _law(outputs: np.ndarray) -> Probabilities:
    """Probabilities of logits: of classes, or of an event where there is one column."""
    if outputs.ndim == 1 or outputs.shape[1] == 1:
        return Probabilities(expit(outputs.reshape(-1)))
    return Probabilities(softmax(outputs, axis=1))
