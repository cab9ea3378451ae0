"""Every message of the core: who, what with the value, and what to do."""

import pickle

import numpy as np
import pytest

from trueup.calibration import ExpectedCalibrationError, HistogramBinning, accuracy, log_loss
from trueup.core import (
    Card,
    Cube,
    Ensemble,
    Evidence,
    Intervals,
    Normal,
    Points,
    Probabilities,
    Quantiles,
    Sets,
    cube_of,
)
from trueup.core.cube import probabilities_of
from trueup.core.errors import (
    EvidenceError,
    FitError,
    LeakageError,
    MissingPackage,
    TrueupError,
    UsageError,
)
from trueup.core.grid import Grid
from trueup.core.proof import prove


P = Probabilities([0.2, 0.9])
E = Evidence(P, [0, 1])
SHARES = np.linspace(0.1, 0.4, 6)[:, None] * [1.0, 1.0, 0.0]
SHARES[:, 2] = 1.0 - SHARES.sum(axis=1)
POINTS = Evidence(Points([1.0, 2.0]), [1.0, 2.0])


def sliced(values: list) -> Cube:
    """A cube with one slice column."""
    cube = cube_of(E)
    return Cube(cube.grid, cube.table, cube.event, slices={("by",): (values, cube.table)})


CASES = {
    "card": (lambda: Card("x", "astrology", "f", "s", "p"), TrueupError,
             r"Card x: question is 'astrology', status 'core'\. Use one of calibration, variance"),
    "status": (lambda: Card("x", "error", "f", "s", "p", status="new"), TrueupError,
               r"status 'new'\. .* core or emerging\."),
    "cubes of other bins": (lambda: cube_of(E) + cube_of(E, grid=Grid(width=30)), EvidenceError,
                            r"Cube.__add__: the cubes have other bins, kinds or groupings\. Build"),
    "cubes of other slices": (lambda: sliced(["a"]) + sliced(["b"]), EvidenceError,
                              r"Cube.__add__: the slices have other columns or values\. Use the"),
    "kind": (lambda: probabilities_of("cube_of", POINTS), EvidenceError,
             r"cube_of: the prediction is of kind 'points'\. Pass Probabilities; other kinds"),
    "cube of points": (lambda: cube_of(POINTS), EvidenceError, r"cube_of: .* 'points'"),
    "truth": (lambda: Evidence(P, [1]), EvidenceError,
              r"Evidence: truth has shape \(1,\) for 2 predictions\. Pass one truth"),
    "truth in columns": (lambda: Evidence(P, [[0], [1]]), EvidenceError, r"shape \(2, 1\) for 2"),
    "label": (lambda: Evidence(P, [0, 3]), EvidenceError,
              r"Evidence: labels \[3\] are none of the 2 classes \[0, 1\]\. Pass class codes"),
    "half a label": (lambda: Evidence(P, [0, 0.5]), EvidenceError, r"labels \[0\.5\]"),
    "negative label": (lambda: Evidence(P, [-1, 1]), EvidenceError, r"labels \[-1\]"),
    "missing label": (lambda: Evidence(P, [np.nan, 1]), EvidenceError, r"labels \[nan\]"),
    "name": (lambda: Evidence(Probabilities([[0.5, 0.5]], classes=("cat", "dog")), ["cow"]),
             EvidenceError, r"labels \['cow'\] are none of the 2 classes \['cat', 'dog'\]"),
    "truth of points": (lambda: Evidence(Points([1.0]), [np.inf]), EvidenceError,
                        r"Evidence.truth: NaN or infinite: 1 of 1 rows, the first"),
    "weight": (lambda: Evidence(P, [0, 1], weight=[1, -2]), EvidenceError,
               r"weights must be finite, >= 0 and not all 0; the least is -2.0\. Drop the rows"),
    "no weight at all": (lambda: Evidence(P, [0, 1], weight=[0, 0]), EvidenceError, r"not all 0"),
    "weights": (lambda: Evidence(P, [0, 1], weight=[1]), EvidenceError,
                r"Evidence: 'weight' has shape \(1,\) for 2 rows\. Pass one value a row\."),
    "cluster": (lambda: Evidence(P, [0, 1], cluster=[1]), EvidenceError, r"'cluster' has shape"),
    "by": (lambda: Evidence(P, [0, 1], by={"site": [1, 2, 3]}), EvidenceError,
           r"'by\[site\]' has shape \(3,\) for 2 rows"),
    "time": (lambda: Evidence(P, [0, 1], time=[1.0, np.nan]), EvidenceError,
             r"Evidence.time: NaN or infinite: 1 of 2 rows"),
    "not a time": (lambda: Evidence(P, [0, 1], time=np.array(["2020-01-01", "NaT"], "M8[D]")),
                   EvidenceError, r"Evidence.time: not a time: 1 of 2 rows, the first at \[1\]"),
    "text as time": (lambda: Evidence(P, [0, 1], time=["monday", "tuesday"]), EvidenceError,
                     r"'time' holds <U7\. Pass numbers or datetime64 values\."),
    "one column": (lambda: Probabilities([[1.0]]), EvidenceError,
                   r"Probabilities: shape must be \(n,\) or \(n, k\) with k >= 2; got \(1, 1\)"),
    "cube of probabilities": (lambda: Probabilities(np.zeros((1, 2, 2))), EvidenceError, r"shape"),
    "nan": (lambda: Probabilities([0.5, np.nan]), EvidenceError,
            r"Probabilities: NaN or infinite: 1 of 2 rows, the first at \[1\] with nan"),
    "logits": (lambda: Probabilities([0.5, 3.0]), EvidenceError,
               r"outside \[0, 1\]; logits go through Probabilities.from_logits: 1 of 2 .* with 3"),
    "likely logits": (lambda: Probabilities([-2.0, 0.5, 3.0, -1.0]), EvidenceError,
                      r"these look like logits: use Probabilities.from_logits: 3 of 4 rows"),
    "likely logits of classes": (lambda: Probabilities([[-2.5, -1.5, -0.5], [4.0, 0.1, -3.0]]),
                                 EvidenceError, r"these look like logits"),
    "percent": (lambda: Probabilities([12.0, 95.0, 0.5]), EvidenceError,
                r"these look like percent: divide them by 100: 2 of 3 rows"),
    "percent of classes": (lambda: Probabilities([[30.0, 70.0], [10.0, 90.0]]), EvidenceError,
                           r"these look like percent"),
    "probabilities as logits": (lambda: Probabilities.from_logits(SHARES), EvidenceError,
                                r"from_logits: logits lie in \[0, 1\] and sum to one over classes "
                                r"\(6 x 3\); these look like probabilities\. Use Probabilities"),
    "negative": (lambda: Probabilities([-1e-9]), EvidenceError, r"outside \[0, 1\]"),
    "sums": (lambda: Probabilities([[0.5, 0.6], [0.5, 0.5]]), EvidenceError,
             r"rows must sum to one: 1 of 2 rows, the first at \[0\] with \[0.5 0.6\]\. Mend or"),
    "class names": (lambda: Probabilities([0.5], classes=("a",)), EvidenceError,
                    r"Probabilities: 1 class names for 2 columns\. Pass one name a column\."),
    "logits of one class": (lambda: Probabilities.from_logits([[1.0]]), EvidenceError,
                            r"from_logits: 1 column\(s\) of logits for classes \[\]\. .*two at"),
    "names of logits": (lambda: Probabilities.from_logits([[1.0, 2.0]], classes=("a",)),
                        EvidenceError, r"2 column\(s\) of logits for classes \['a'\]"),
    "infinite logits": (lambda: Probabilities.from_logits([[1.0, np.inf]]), EvidenceError,
                        r"logits must be finite and of shape \(n, k\); got shape \(1, 2\)"),
    "flat logits": (lambda: Probabilities.from_logits([1.0]), EvidenceError, r"got shape \(1,\)"),
    "points": (lambda: Points([[1.0]]), EvidenceError,
               r"Points: needs 1 dimension\(s\); got shape \(1, 1\)\. Reshape the values\."),
    "normal": (lambda: Normal([0.0, 1.0], [1.0, 0.0]), EvidenceError,
               r"Normal: the sd must be positive: 1 of 2 rows, the first at \[1\] with 0"),
    "lengths": (lambda: Normal([0.0], [1.0, 2.0]), EvidenceError,
                r"Normal: lengths differ: 1 and 2\. Pass one value a row in both\."),
    "levels fall": (lambda: Quantiles([0.9, 0.1], [[1.0, 2.0]]), EvidenceError,
                    r"Quantiles: levels \[0.9, 0.1\] do not fit values of shape \(1, 2\)"),
    "levels missing": (lambda: Quantiles([0.5], [[1.0, 2.0]]), EvidenceError, r"do not fit"),
    "level 0": (lambda: Quantiles([0.0, 0.5], [[1.0, 2.0]]), EvidenceError,
                r"Quantiles: levels must lie in \(0, 1\); got \[0.0, 0.5\]\. Pass 0.9 for 90 %\."),
    "members": (lambda: Ensemble([[1.0, np.nan]]), EvidenceError, r"Ensemble: NaN or infinite"),
    "interval": (lambda: Intervals([0.0, 2.0], [1.0, 1.0], 0.9), EvidenceError,
                 r"Intervals: low must not be above high: 1 of 2 rows, the first at \[1\] with 2"),
    "interval level": (lambda: Intervals([0.0], [1.0], 90), EvidenceError,
                       r"Intervals: level must lie in \(0, 1\); got \[90\]"),
    "set": (lambda: Sets(np.ones((2, 3)), 0.9), EvidenceError,
            r"Sets: members must be bool of shape \(n, k\); got float64 \(2, 3\)\. Pass"),
    "set level": (lambda: Sets(np.ones((2, 3), bool), 1.0), EvidenceError, r"Sets: level must lie"),
    "level": (lambda: accuracy([0, 1], [0.2, 0.9], level=1), UsageError,
              r"accuracy: level is 1\. Pass a share in \(0, 1\), such as 0.95\."),
    "level of a difference": (lambda: log_loss.difference(cube_of(E), cube_of(E), level=0),
                              UsageError, r"log_loss.difference: level is 0"),
    "bins of a cube": (lambda: ExpectedCalibrationError(bins=7).estimate(cube_of(E)), UsageError,
                       r"ece: 7 bins do not divide the cube's 60\. Pass arrays instead of a cube"),
    "no bins": (lambda: HistogramBinning(bins=0), UsageError,
                r"HistogramBinning: bins is 0\. Pass at least 1\."),
    "ece without bins": (lambda: ExpectedCalibrationError(bins=0), UsageError,
                         r"ece: bins is 0\. Pass at least 1\."),
    "proof of nothing": (lambda: prove(None, "better", on=E, score=log_loss), EvidenceError,
                         r"prove: got str for 2 rows\. Pass a Fitted, a prediction of the rows"),
    "proof of other rows": (lambda: prove(None, Probabilities([0.5]), on=E, score=log_loss),
                            EvidenceError, r"prove: got Probabilities for 2 rows"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_message(name):
    call, kind, words = CASES[name]
    with pytest.raises(kind, match=words) as caught:
        call()
    who, _, rest = str(caught.value).partition(": ")
    assert who and rest.endswith(".") and not rest.endswith("..") and "  " not in rest


def test_one_family():
    kinds = (EvidenceError, FitError, LeakageError, MissingPackage, UsageError)
    assert all(issubclass(kind, TrueupError) for kind in kinds)
    assert issubclass(TrueupError, ValueError)


def test_message_is_who_what_why_do():
    error = TrueupError("prove", "the score is 'acc'", why="it has no name", do="Pass accuracy.")
    assert str(error) == "prove: the score is 'acc'; it has no name. Pass accuracy."


def test_pickle_keeps_everything():
    error = LeakageError("prove", "seen", why="it matters", do="Split")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is LeakageError and str(again) == str(error)
    assert (again.who, again.what, again.why, again.do) == ("prove", "seen", "it matters", "Split")


def test_long_lists_of_bad_rows_are_cut():
    with pytest.raises(EvidenceError, match=r"900 of 1000 rows, the first at \[100, 101, 102, 103"):
        Probabilities(np.r_[np.full(100, 0.5), np.full(900, 2.0)])


def test_rows_that_chance_makes_look_like_probabilities_are_logits():
    some = [[0.3, 0.7], [0.2, 0.8], [0.5, 0.5], [0.1, 0.9]]
    assert len(Probabilities.from_logits(some)) == 4
    assert len(Probabilities.from_logits([[0.0, 1.0]] * 50)) == 50
