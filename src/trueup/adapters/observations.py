"""Observed states from files: netCDF, NumPy archives and arrays, tables of series."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from trueup.core.errors import EvidenceError, MissingPackage, UsageError
from trueup.core.windows import field_of, seconds, states_of


@dataclass(frozen=True, eq=False)
class Observed:
    """States of a file.

    Attributes
    ----------
    states
        (times, ...) states in time, or (n, m + 1, ...) where ``cut`` says that they are windows.
    stamps
        (times,) their times as numbers, None where the file does not say; of windows the times of
        their first states.
    dt
        Time between states where the file says it.
    components
        Names of the components where the file says them.
    field
        The xarray that they came in; None of other files.
    cut
        Whether the file holds windows.
    """

    states: np.ndarray
    stamps: np.ndarray | None = None
    dt: float | None = None
    components: tuple[str, ...] = ()
    field: Any = None
    cut: bool = False


def read_observations(
    path: str | Path, *, variables: tuple[str, ...] = (), time: str = "time"
) -> Observed:
    """Read observed states.

    Parameters
    ----------
    path
        ``.nc`` (with xarray), ``.npz`` with ``states`` or ``windows``, ``.npy``, ``.csv``, ``.tsv``
        or ``.parquet``.
    variables
        Variables of netCDF, or columns of a table, that are the state; empty takes all.
    time
        Name of the dimension or column of time.
    """
    path = Path(path)
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise UsageError(
            "discover", f"cannot read '{path.name}'", do=f"Use a file of {', '.join(READERS)}"
        )
    if not path.is_file():
        raise EvidenceError("discover", f"there is no file {path}", do="Check the path")
    return read(path, tuple(variables), time)


def _netcdf(path: Path, variables: tuple[str, ...], time: str) -> Observed:
    if find_spec("xarray") is None:
        raise MissingPackage("discover", "netCDF is read by xarray, which is not here",
                             do="Run: pip install 'trueup[xarray]'")  # fmt: skip
    import xarray

    with xarray.open_dataset(path, decode_timedelta=False) as opened:
        names = variables or tuple(map(str, opened.data_vars))
        _known(path, names, tuple(map(str, opened.data_vars)))
        chosen = opened[list(names)]
        if time != "time":
            _known(path, (time,), tuple(map(str, chosen.dims)))
            chosen = chosen.rename({time: "time"})
        field = field_of("discover", chosen).load()
    states, stamps = states_of(field)
    components = _labels(field) if "component" in field.dims else names
    return Observed(states if states.ndim > 1 else states[:, None], stamps, None,
                    components, field)  # fmt: skip


def _labels(field: Any) -> tuple[str, ...]:
    """Names of the components where the file says them."""
    if "component" not in field.coords:
        return ()
    return tuple(map(str, np.asarray(field["component"].values)))


def _archive(path: Path, variables: tuple[str, ...], time: str) -> Observed:
    with np.load(path, allow_pickle=False) as file:
        parts = {name: file[name] for name in file.files}
    kind = next((name for name in (*variables, "states", "windows") if name in parts), None)
    if kind is None:
        raise EvidenceError(
            "discover",
            f"{path.name} holds {', '.join(parts) or 'nothing'}",
            why="an archive must hold 'states' (times, ...) or 'windows' (n, m + 1, ...)",
            do="Write numpy.savez(path, states=..., times=...)",
        )
    cut = kind == "windows"
    stamps = parts.get("starts" if cut else "times")
    dt = float(parts["dt"]) if "dt" in parts else None
    names = tuple(map(str, parts["components"])) if "components" in parts else ()
    return Observed(parts[kind], _stamps(path, stamps, parts[kind]), dt, names, cut=cut)


def _array(path: Path, variables: tuple[str, ...], time: str) -> Observed:
    states = np.load(path, allow_pickle=False)
    return Observed(states if states.ndim > 1 else states.reshape(-1, 1))


def _table(path: Path, variables: tuple[str, ...], time: str) -> Observed:
    """Columns of a table; the one called ``time`` says when."""
    import duckdb

    reads = "read_parquet" if path.suffix.lower() == ".parquet" else "read_csv"
    file = str(path).replace("'", "''")
    try:
        columns = duckdb.sql(f"SELECT * FROM {reads}('{file}')").fetchnumpy()
    except duckdb.Error as error:
        raise EvidenceError(
            "discover", f"cannot read {path.name}: {str(error).splitlines()[0]}",
            do="Check that it is a table with a column a component",
        ) from error  # fmt: skip
    stamps = columns.get(time)
    names = variables or tuple(name for name in columns if name != time)
    _known(path, names, tuple(columns))
    states = np.stack([_numbers(path, name, columns[name]) for name in names], axis=1)
    return Observed(states, _stamps(path, stamps, states), None, names)


def _numbers(path: Path, name: str, column: np.ndarray) -> np.ndarray:
    if column.dtype.kind not in "fiu":
        raise EvidenceError(
            "discover",
            f"column '{name}' of {path.name} holds {column.dtype}, not numbers",
            do="Name the columns of the state: --variable x --variable y, and --time if it is time",
        )
    found = column.astype(np.float64)
    return np.ma.filled(found, np.nan)


def _stamps(path: Path, stamps: np.ndarray | None, states: np.ndarray) -> np.ndarray | None:
    if stamps is None:
        return None
    if len(stamps) != len(states):
        raise EvidenceError(
            "discover",
            f"{path.name} holds {len(stamps)} times, but states of shape {states.shape}",
            why="time must be the first axis of the states",
            do="Move it there: numpy.moveaxis(states, -1, 0)",
        )
    return seconds(np.ma.filled(stamps, np.nan) if stamps.dtype.kind == "f" else stamps)


def _known(path: Path, names: tuple[str, ...], here: tuple[str, ...]) -> None:
    strange = [name for name in names if name not in here]
    if strange or not names:
        raise EvidenceError(
            "discover",
            f"{path.name} has no '{strange[0]}'" if strange else f"{path.name} holds no variable",
            do=f"Use names of: {', '.join(here) or 'another file'}",
        )


READERS: dict[str, Callable[[Path, tuple[str, ...], str], Observed]] = {
    ".nc": _netcdf, ".nc4": _netcdf, ".npz": _archive, ".npy": _array, ".csv": _table,
    ".tsv": _table, ".parquet": _table,
}  # fmt: skip
"""Suffix of a file -> what reads it."""
