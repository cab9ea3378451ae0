"""How an audit of probabilities was computed, in words."""

from __future__ import annotations

from trueup.audit.judged import AbstractJudged
from trueup.core.tables.plan import Plan


def how(judged: AbstractJudged) -> list[tuple[str, str]]:
    """How everything was computed, for the end of the report."""
    plan, cube = judged.plan, judged.cube
    groups = int((cube.table.total("n")[:, 0] > 0).sum())
    sample = judged.scan.sample
    fitted = (
        "on all rows, through their score bins"
        if sample is None
        else "on all rows"
        if sample.every == 1
        else f"on a seeded sample of {len(sample.truth):,} rows"
    )
    return [
        ("One pass", f"{cube.n:,} rows were summed into {groups} groups x {cube.grid.size} bins."),
        ("Groups", f"Rows were grouped by {groups_made_of(plan)}."),
        ("Error bars", "Delete-a-group jackknife with Student's t at the effective degrees of "
         "freedom; Wilson's interval for shares with fewer than 15 errors or successes."),
        ("Corrections", f"Fitted {fitted}; half of the groups learn and choose by cross-fitting, "
         "the other half prove; doing nothing is always a candidate. A line for each value of a "
         "column of slices must beat what wins without, through 64 bins of the score a value."),
        ("Slices", "Same scores are compared inside and outside; Benjamini-Hochberg at 5 % over "
         "single values and at 1 % over pairs; a pair is named only if neither of its values "
         "explains it."),
        ("Drift", "Largest standardised running sum over chunks of time, judged by permutation, "
         "Holm over the three series."),
        ("Calibration error", "Shown free of noise; the plug-in ECE (15 equal-width bins) is "
         "shown only beside the value that a perfectly calibrated model would have."),
    ]  # fmt: skip


def groups_made_of(plan: Plan) -> str:
    """What the groups of rows were made of."""
    return {
        "row": f"a portable hash of {plan.known_by}",
        "cluster": f"a portable hash of {plan.roles.cluster!r}, so that a cluster stays together",
        "block": f"contiguous blocks of {plan.roles.time!r}: neighbours may depend on each other",
    }[plan.grouping]
