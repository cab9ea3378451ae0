"""One error family. A message says who, what is wrong with which value, why, and what to do."""

from __future__ import annotations


class TrueupError(ValueError):
    """Misuse of the library; an outcome that disappoints is a value, never this.

    Parameters
    ----------
    who
        The call that refused, as the user wrote it: ``"TemperatureScaling.fit"``.
    what
        What is wrong, with the value and the shape.
    why
        Why it matters, when that is not obvious.
    do
        What to do about it.

    Examples
    --------
    >>> str(TrueupError("prove", "the score is 'acc'", do="Pass one of accuracy, brier, log_loss"))
    "prove: the score is 'acc'. Pass one of accuracy, brier, log_loss."
    """

    def __init__(self, who: str, what: str, *, do: str, why: str = "") -> None:
        self.who, self.what, self.why, self.do = who, what, why, do
        super().__init__(f"{who}: {what}{'; ' + why if why else ''}. {do.rstrip('.')}.")

    def __reduce__(self):
        return _rebuild, (type(self), self.who, self.what, self.why, self.do)


class UsageError(TrueupError):
    """An argument that makes no sense: a wrong name, a setting out of range."""


class Unwritable(UsageError):
    """A correction that an engine has no words for."""


class EvidenceError(TrueupError):
    """Data that cannot be what they are said to be: missing columns, impossible probabilities."""


class FitError(TrueupError):
    """Evidence from which nothing can be learned: no rows, another kind of prediction."""


class LeakageError(TrueupError):
    """A proof on rows that the correction has seen."""


class DivergedError(TrueupError):
    """A simulation that left all numbers; ``members`` are the places in the batch, flattened."""

    def __init__(self, who: str, what: str, *, do: str, why: str = "", members=()) -> None:
        super().__init__(who, what, do=do, why=why)
        self.members = list(members)

    def __reduce__(self):
        return _again, (self.who, self.what, self.why, self.do, self.members)


class MissingPackage(TrueupError):
    """An optional package that this call needs."""


def _rebuild(kind, who, what, why, do):
    return kind(who, what, why=why, do=do)


def _again(who, what, why, do, members):
    return DivergedError(who, what, why=why, do=do, members=members)
