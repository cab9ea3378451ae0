"""What is seen of a state, and how far that is from observations in units of their error."""

from __future__ import annotations

import numpy as np

from trueup.core.errors import EvidenceError, UsageError


WHO = "EnsembleFilter.run"


class Observer:
    """The operator H and the error R of p observations a time.

    ``index`` are the numbers of the state that are observed directly, or None where H is a matrix
    or a function.
    """

    def __init__(self, operator, error, *, shape: tuple[int, ...], count: int, dtype) -> None:
        self.shape, self.count, self.dtype = shape, count, dtype
        self.index: np.ndarray | None = None
        self.matrix: np.ndarray | None = None
        self.function = operator if callable(operator) else None
        if self.function is None:
            self._take(operator)
        whole = self.index is not None and len(self.index) == np.prod(shape)
        self.whole = whole and bool((self.index == np.arange(len(self.index))).all())
        self._error(error)

    def _take(self, operator) -> None:
        size = int(np.prod(self.shape))
        if operator is None:
            self.index = np.arange(size)
        else:
            given = np.asarray(operator)
            if given.ndim == 2 and given.dtype != bool:
                self.matrix = np.ascontiguousarray(given.T, dtype=self.dtype)
                if given.shape[1] != size:
                    _misfit(f"the operator is a matrix {given.shape}, the state has {size} numbers")
            elif given.dtype == bool:
                self.index = np.flatnonzero(given)
            elif given.dtype.kind in "iu" and given.ndim == 1:
                self.index = given
            else:
                raise UsageError(
                    WHO,
                    f"operator is an array {given.shape} of {given.dtype}",
                    do="Pass a matrix (p, m), indices (p,), a mask of the state, or a function",
                )
        if self.index is not None and self.index.size and self.index.max() >= size:
            _misfit(f"the operator takes number {self.index.max()} of a state of {size}")

    def _error(self, error) -> None:
        """Standard deviations (), (p,), or the inverse root of a covariance (p, p)."""
        given = np.asarray(error, dtype=float)
        self.root: np.ndarray | None = None
        if given.ndim > 2 or given.shape not in ((), (self.count,), (self.count, self.count)):
            raise EvidenceError(
                WHO,
                f"error has shape {given.shape}, with {self.count} observations a time",
                do="Pass one standard deviation, one for each observation, or a covariance matrix",
            )
        if given.ndim < 2:
            if not (np.isfinite(given).all() and (given > 0).all()):
                raise EvidenceError(
                    WHO,
                    f"error holds {given.min()}; standard deviations are above 0",
                    do="Pass the standard deviation of the error, in the unit of observations",
                )
            self.sd = given.astype(self.dtype)
            return
        self.sd = np.sqrt(np.maximum(np.diag(given), 0)).astype(self.dtype)
        if not np.allclose(given, given.T) or np.linalg.eigvalsh(given)[0] <= 0:
            raise EvidenceError(
                WHO,
                f"error is a {given.shape} matrix that is not symmetric and positive definite",
                do="Pass a covariance matrix, or standard deviations as a vector",
            )
        self.covariance = given
        if not (given == np.diag(np.diag(given))).all():
            self.root = np.linalg.inv(np.linalg.cholesky(given)).astype(self.dtype)

    @property
    def independent(self) -> bool:
        """Whether errors of observations do not depend on each other."""
        return self.root is None

    def see(self, E: np.ndarray) -> np.ndarray:
        """(e, n, p) what members (e, n, m) predict."""
        if self.index is not None:
            return E if self.whole else E[..., self.index]
        if self.matrix is not None:
            return E @ self.matrix
        e, n = E.shape[:2]
        seen = np.asarray(self.function(E.reshape(e * n, *self.shape)), dtype=self.dtype)
        if seen.shape[:1] != (e * n,) or seen.size != e * n * self.count:
            _misfit(f"the operator gives {seen.shape} for {e * n} members, {self.count} observed")
        return seen.reshape(e, n, self.count)

    def check_count(self) -> None:
        """Refuse an operator that gives another number of values than there are observations."""
        given = self.count
        if self.index is not None:
            given = len(self.index)
        elif self.matrix is not None:
            given = self.matrix.shape[1]
        if given != self.count:
            _misfit(f"the operator gives {given} values, observations have {self.count} a time")

    def white(self, Y: np.ndarray, off: np.ndarray, missing: np.ndarray | None):
        """Anomalies Y (e, n, p) and innovations (e, p) in standard deviations of the error.

        What is missing (e, p) becomes 0 in both, which leaves it out of every update.
        """
        if self.root is None:
            S, d = Y / self.sd, off / self.sd
        elif missing is None:
            S, d = Y @ self.root.T, off @ self.root.T
        else:
            return self._white_rest(Y, off, missing)
        if missing is not None:
            S = np.where(missing[:, None], 0, S)
            d = np.where(missing, 0, d)
        return S, d

    def _white_rest(self, Y, off, missing):
        """A covariance with rows and columns of missing observations replaced by those of I."""
        seen = ~missing
        R = self.covariance * (seen[:, :, None] & seen[:, None])
        R = R + np.eye(self.count) * missing[:, None]
        root = np.linalg.inv(np.linalg.cholesky(R)).astype(self.dtype).swapaxes(1, 2)
        Y, off = np.where(missing[:, None], 0, Y), np.where(missing, 0, off)
        return Y @ root, (off[:, None] @ root)[:, 0]


def _misfit(what: str) -> None:
    raise EvidenceError(
        WHO,
        what,
        do="Give observations (times, p) and an operator that maps a state to p numbers",
    )
