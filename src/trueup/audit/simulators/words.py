"""A discovery in sentences, for the shell and the page alike."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trueup.core.outcome import Outcome


LOUD = 2.0
"""Misses over those that noise explains from which on something is missing for certain."""
HALF = 0.5
"""Part of the misses that is explained below which other terms are likelier than more states."""
MINUS = "\N{MINUS SIGN}"

if TYPE_CHECKING:
    from trueup.audit.simulators.found import Found
    from trueup.error.discovery.discrepancy import Finding


def verdict(found: Found) -> str:
    """What is missing, in a sentence."""
    terms = found.found.terms
    if not terms and found.missed > LOUD:
        times = f"{found.missed:.2g} times what noise explains"
        return f"What {found.model} is missing, {times}, is none of these terms."
    if not terms:
        return f"Nothing is missing from {found.model} that these terms could explain."
    terms = found.found.sure or terms
    few = [f.name if len({t.component for t in terms}) == 1 else f"{f.name} in {f.component}'"
           for f in terms]  # fmt: skip
    said = few[0] if len(few) == 1 else f"{', '.join(few[:-1])} and {few[-1]}"
    if mostly_unexplained(found):
        most = f"Most of what {found.model} is missing is none of these terms"
        return f"{most}: {said} explains {100 * found.found.explained:.2g} %."
    if not found.found.sure:
        return f"{found.model} may be missing {said}, but other windows would hardly show it."
    if found.proof is None or found.proof.outcome is Outcome.PROVEN:
        return f"{found.model} is missing {said}."
    doubt = f"the {found.proof.proven_on:,} later windows do not settle it"
    if found.proof.outcome is not Outcome.NOT_ENOUGH_EVIDENCE:
        doubt = "later observations do not bear it out"
    return f"{found.model} may be missing {said}, but {doubt}."


def mostly_unexplained(found: Found) -> bool:
    """Whether what the model misses is neither noise nor, by more than half, the found terms."""
    return found.found.explained < HALF and not any(found.found.noise)


def action(found: Found) -> str:
    """What to do about it, and what to beware of."""
    beware = found.found.limits[:2]
    return ". Beware: ".join([_action(found).removesuffix("."), *beware]) + "."


def _action(found: Found) -> str:
    if not found.found.terms and found.missed > LOUD:
        return "Try other terms (--degree, --powers, --orders), or say how large the noise is."
    if not found.found.terms:
        return "Leave it, or try other terms: a miss that is no sum of these stays unseen."
    if not found.enters:
        return "Observe longer: what was found may be luck, and nothing was corrected."
    if found.proof is None:
        return "Hold some observations out to learn what the correction is worth."
    before, after = (e.value for e in (found.proof.before, found.proof.after))
    lead = found.proof.score.removeprefix("forecast error ")
    change = f"takes the forecast error {lead} from {before:.4g} to {after:.4g}"
    held = f"on {found.proof.proven_on:,} later windows"
    said = f"the correction {change} {held}"
    if mostly_unexplained(found):
        return f"Try other terms (--degree, --powers, --orders) or --noise auto: {said}."
    if found.proof.outcome is Outcome.PROVEN:
        return f"Use the corrected step: it {change} standard deviations {held}."
    if found.proof.outcome is Outcome.NOT_ENOUGH_EVIDENCE:
        return f"Observe longer or hold more out (--hold-out) before you rely on it: {said}."
    return f"Keep the model as it is: {said}. {found.proof.outcome.sentence}"


def equations(found: Found) -> list[str]:
    """An equation a component that lacks something: ``u' = model + 0.5 u_xx``."""
    lines = []
    for component in dict.fromkeys(f.component for f in found.enters):
        parts = [f"{_signed(number(f, value))} {f.name}"
                 for f, value in found.enters.items() if f.component == component]  # fmt: skip
        lines.append(f"{component}' = model {' '.join(parts)}")
    return lines


def _signed(text: str) -> str:
    return f"{MINUS} {text[1:]}" if text.startswith("-") else f"+ {text}"


def terms_table(found: Found) -> list[str]:
    """Lines of a table of the terms."""
    terms = found.found.terms
    if not terms:
        return []
    names = [f"{f.component}'  {f.name}" for f in terms]
    wide = max(map(len, names))
    percent = f"{100 * terms[0].level:.3g} % interval"
    lines = ["", f"  {'term':{wide}}  {'coefficient':>12}  {percent:>26}  {'inclusion':>9}"]
    for name, f in zip(names, terms, strict=True):
        span = f"{number(f, f.low)} to {number(f, f.high)}"
        lines.append(f"  {name:{wide}}  {number(f):>12}  {span:>26}  {100 * f.inclusion:>7.0f} %")
    return lines


def number(finding: Finding, value: float | None = None) -> str:
    """A number of a term with the digits that its interval supports."""
    half = (finding.high - finding.low) / 2
    scale = max(half, 1e-6 * abs(finding.value), 1e-300)
    decimals = min(max(1 - math.floor(math.log10(scale)), 0), 12)
    return f"{finding.value if value is None else value:.{decimals}f}"


def facts(found: Found, *, named: int = 1_000) -> list[tuple[str, str]]:
    """(what, text) of everything else that a reader must know."""
    made = [
        ("left out", _left_out(found, named)),
        ("explained", f"{100 * found.found.explained:.4g} % of the variance of what it misses"),
        ("noise", _noise(found)),
        ("solver", _solver(found)),
        ("learned on", f"{len(found.learned):,} windows of {found.learned.length} intervals of "
                      f"{found.learned.dt:.6g}"),
        ("proof", _proof(found)),
    ]  # fmt: skip
    ends, doubt = _ends(found), _doubtful(found)
    first = [("doubtful", doubt)] if doubt else []
    first += [("beware", text) for text in found.found.limits]
    return first + made[:2] + ([("mesh", ends)] if ends else []) + made[2:]


def _doubtful(found: Found) -> str:
    few = ", ".join(f.name for f in found.found.terms if f.doubtful)
    left = "" if found.doubtful else "; left out of the correction"
    return f"{few}: other windows would hardly show it, so it may be luck{left}" if few else ""


def _left_out(found: Found, named: int) -> str:
    others = sorted(found.found.others, key=lambda row: -row[2])
    several = len(found.found.settings.library.components) > 1
    said = [f"{name} in {c}' ({100 * share:.0f} %)" if several else f"{name} ({100 * share:.0f} %)"
            for c, name, share in others[:named]]  # fmt: skip
    more = f", and {len(others) - named} more" if len(others) > named else ""
    if not said:
        return "nothing: there was no other term"
    least = f"{100 * found.found.settings.least:.3g} %"
    return f"{', '.join(said)}{more}; each explains less than {least} of it, or could be 0"


def _noise(found: Found) -> str:
    said = "estimated" if found.found.settings.noise is None else "as stated"
    sizes = ", ".join(f"{sd:.3g}" for sd in found.found.noise)
    text = f"standard deviation {sizes} ({said})" if any(found.found.noise) else "none, as stated"
    mesh = found.found.settings.library.mesh
    if mesh is not None and mesh.spectral and math.isfinite(found.found.cutoff):
        text += f"; waves shorter than {2 * math.pi / found.found.cutoff:.3g} were left out"
    return text


def _solver(found: Found) -> str:
    numerics = found.found.numerics
    if numerics is None:
        return "no error of its own that smaller steps would show"
    return (f"its own error is {100 * numerics.share:.3g} % of what it misses (order "
            f"{numerics.order:.2g}), and was taken out")  # fmt: skip


def _ends(found: Found) -> str:
    mesh = found.found.settings.library.mesh
    if mesh is None:
        return ""
    each = [f"{dim} every {d:.6g}, {'periodic' if p else 'not periodic'}"
            for dim, d, p in zip(mesh.dims, mesh.spacing, mesh.periodic, strict=True)]  # fmt: skip
    return "; ".join([*each, *(["in the weak form"] if mesh.method == "weak" else [])])


def _proof(found: Found) -> str:
    if found.held is None:
        return "none: nothing was held out"
    if found.proof is None:
        return f"nothing to prove; {len(found.held):,} windows were held out"
    p = found.proof
    return (f"{p.score} {p.before.value:.4g} -> {p.after.value:.4g}, difference {p.difference} on "
            f"{p.proven_on:,} held-out windows: {p.outcome.value}")  # fmt: skip
