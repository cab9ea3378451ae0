"""Log loss of every correction of the catalogue on rows that it has not seen; writes quality.md.

    python benchmarks/quality.py           every set, some minutes on two cores
    python benchmarks/quality.py iris wine these sets alone, printed

Sets whose data are missing are left out, with the reason. Models are trained here once, and what
they say is kept in the folder of tables (TRUEUP_BENCH, default build/bench).
"""

from __future__ import annotations

import importlib
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from quality_sets import SETS, Pool, pools_of

from trueup.calibration.recalibrate.contest import entrants
from trueup.core import Evidence, Probabilities
from trueup.core.cards import Card, all_cards
from trueup.core.effort import Effort


HERE = Path(__file__).resolve().parent
SMALL = 1_000_000
"""As the automatic choice does: heavy corrections up to so many numbers, rows times classes."""

OURS, NOTHING = "AutomaticCalibration", "DoNothing"


@dataclass
class Outcome:
    """What one correction did on one set.

    ``rows`` holds by seed, a model each, the losses of the judging rows; ``guarded`` a model and
    seed each, the mean loss if a fit without a minimum leaves the model alone.
    """

    rows: dict[int, list[np.ndarray]] = field(default_factory=dict)
    guarded: list[float] = field(default_factory=list)
    diverged: int = 0
    fits: int = 0
    seconds: float = 0.0

    @property
    def loss(self) -> float:
        """Mean over seeds, models and rows."""
        return float(np.mean([np.mean(parts) for parts in self.rows.values()]))

    def against(self, other: Outcome) -> tuple[float, float]:
        """Mean difference from ``other`` and its standard error, paired row by row.

        Models of one seed share their rows, so they are averaged first; seeds draw from the same
        table, so the error of one seed stands for that of their mean, which errs on the safe side.
        """
        gaps = [
            np.mean(self.rows[seed], axis=0) - np.mean(other.rows[seed], axis=0)
            for seed in self.rows
        ]
        errors = [gap.std(ddof=1) / np.sqrt(len(gap)) for gap in gaps]
        return float(np.mean([gap.mean() for gap in gaps])), float(np.mean(errors))


def catalogue() -> list[Card]:
    """Every correction, and the automatic choice last."""
    cards = [card for card in all_cards() if card.family == "recalibrate"]
    cards = [card for card in cards if not _kind(card).reads]  # these need columns of their own
    return sorted(cards, key=lambda card: card.name == OURS)


def judged(name: str, pools: list[Pool]) -> dict[str, Outcome]:
    """Name of a correction -> its outcome on the set."""
    found: dict[str, Outcome] = {}
    for pool in pools:
        event = pool.probs.shape[1] == 2
        said = Probabilities(pool.probs[:, 1] if event else pool.probs)
        evidence = Evidence(said, pool.truth)
        learn, new = evidence.take(pool.learn), evidence.take(~pool.learn)
        tried = {c.name: s for c, s in entrants(k=said.k, rows=len(learn), small=SMALL)}
        for card in catalogue():
            settings = tried.get(card.name) or (card.name == OURS and _made(card))
            if settings:
                _try(found.setdefault(card.name, Outcome()), settings, learn, new, pool.seed)
    return found


def _made(card: Card):
    return _kind(card)()


def _kind(card: Card):
    return getattr(importlib.import_module(card.module), card.name)


def _try(outcome: Outcome, settings, learn: Evidence, new: Evidence, seed: int) -> None:
    start = time.process_time()
    fitted = settings.fit(learn)
    outcome.seconds += time.process_time() - start
    logs = fitted.apply(new.prediction).log_probs()
    losses = -logs[np.arange(len(new)), new.truth]
    before = -new.prediction.log_probs()[np.arange(len(new)), new.truth]
    outcome.rows.setdefault(seed, []).append(losses)
    outcome.guarded.append(float(np.mean(losses if fitted.converged else before)))
    outcome.fits += 1
    outcome.diverged += not fitted.converged


def report(results: dict[str, dict[str, Outcome]], about: dict[str, str], missing: list) -> str:
    """The page."""
    names = [card.name for card in catalogue()]
    ours = {s: found[OURS] for s, found in results.items()}
    parts = [
        "# Quality of corrections",
        "Written by `python benchmarks/quality.py`; nothing here is typed by hand. Log loss, in "
        "nats, on rows that neither the model nor the correction has seen; less is better. Half of "
        "the rows outside the training set learn, the other half judge.",
        _summary(results, names),
        "## Against doing nothing, and against the best single row",
        "The best row is chosen in hindsight, set by set, on the very rows that judge. Intervals "
        "are two standard errors, paired row by row.",
        _against(results, ours, about),
        _worse(results),
        _over_sets(results),
        "## Every correction on every set",
        *(_losses(results, names, part) for part in _parts(list(results))),
        _notes(results, names, missing),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(results, names) -> str:
    head = ("correction", "sets", "mean", "mean, left alone where a fit has no minimum",
            "automatic on the same sets", "CPU s a fit")  # fmt: skip
    lines = _head(head)
    for name in names:
        on = [found for found in results.values() if name in found]
        mean, ours = (np.mean([f[n].loss for f in on]) for n in (name, OURS))
        safe = np.mean([np.mean(f[name].guarded) for f in on])
        cost = sum(f[name].seconds for f in on) / max(sum(f[name].fits for f in on), 1)
        lines.append(f"| {name} | {len(on)} | {mean:.5f} | {safe:.5f} | {ours:.5f} | {cost:.3f} |")
    return "\n".join(lines)


def _against(results, ours, about) -> str:
    head = ("set", "rows, classes, models x seeds", "nothing", "automatic", "minus nothing",
            "best row", "minus best row")  # fmt: skip
    lines = _head(head)
    for name, found in results.items():
        single = {n: o for n, o in found.items() if n != OURS}
        best = min(single, key=lambda n: single[n].loss)
        gaps = [ours[name].against(found[other]) for other in (NOTHING, best)]
        shown = [f"{gap:+.4f} ± {2 * error:.4f}" for gap, error in gaps]
        lines.append(
            f"| {name} | {about[name]} | {found[NOTHING].loss:.4f} | {ours[name].loss:.4f} "
            f"| {shown[0]} | {best} | {shown[1]} |"
        )
    return "\n".join(lines)


def _head(names) -> list[str]:
    return [f"| {' | '.join(names)} |", "|" + " --- |" * len(names)]


def _parts(sets: list[str], width: int = 8) -> list[list[str]]:
    return [sets[i : i + width] for i in range(0, len(sets), width)]


def _worse(results) -> str:
    """How often the automatic choice lost to doing nothing, run by run."""
    scores = []
    for found in results.values():
        for seed, models in found[OURS].rows.items():
            for after, before in zip(models, found[NOTHING].rows[seed], strict=True):
                gap = after - before
                error = gap.std(ddof=1) / np.sqrt(len(gap))
                scores.append(gap.mean() / error if error else 0.0)
    worse, kept = sum(s > 2 for s in scores), sum(s == 0 for s in scores)
    return (
        f"Run by run (a set, a model, a seed): of {len(scores)} runs the automatic choice left "
        f"{kept} alone and was worse than doing nothing beyond two standard errors in {worse}; "
        f"the worst was {max(scores):.1f} standard errors above it."
    )


def _over_sets(results) -> str:
    """Mean over sets of the difference from every correction, and its error between sets."""
    lines = []
    for name in (card.name for card in catalogue() if card.name != OURS):
        gaps = [f[OURS].loss - np.mean(f[name].guarded) for f in results.values() if name in f]
        error = np.std(gaps, ddof=1) / np.sqrt(len(gaps)) if len(gaps) > 1 else np.nan
        lines.append(f"{name} {np.mean(gaps):+.4f} ± {2 * error:.4f}")
    return (
        "Automatic minus each correction that leaves alone what has no minimum, mean over sets ± "
        f"two standard errors between sets: {', '.join(lines)}."
    )


def _losses(results, names, sets: list[str]) -> str:
    lines = _head(("correction", *sets))
    for name in names:
        cells = [f"{results[s][name].loss:.4f}" if name in results[s] else "" for s in sets]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _notes(results, names, missing) -> str:
    lines = ["## Notes", "- An empty cell: the correction is for more classes, or too much work."]
    for name in names:
        count = sum(found[name].diverged for found in results.values() if name in found)
        if count:
            lines.append(f"- {name}: {count} fits had no minimum; they are judged as they ended.")
    asked = [c.name for c in catalogue() if c.name != OURS and _kind(c).effort is Effort.ASKED]
    lines += [f"- Tried only by name, so not here: {', '.join(asked)}."] * bool(asked)
    return "\n".join([*lines, *(f"- {name}: left out, {why}." for name, why in missing)])


def main(wanted: list[str]) -> None:
    """Judge the sets and write or print the page."""
    results, about, missing = {}, {}, []
    for name in wanted or SETS:
        try:
            pools = pools_of(name)
        except FileNotFoundError as error:
            missing.append((name, f"{Path(error.filename).name} is missing"))
            continue
        results[name] = judged(name, pools)
        learn, k = int(pools[0].learn.sum()), pools[0].probs.shape[1]
        about[name] = f"{learn:,}, {k}, {len(pools)}"
        print(f"{name}: {results[name][NOTHING].loss:.4f} -> {results[name][OURS].loss:.4f}")
    page = report(results, about, missing)
    if wanted:
        print(page)
    else:
        (HERE / "quality.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
