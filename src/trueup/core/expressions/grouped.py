"""One expression of many groups: the same steps for all, with numbers looked up by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from trueup.core.expressions.nodes import Expr, Join, Key, Linear, Pick, Scaled, Total
from trueup.core.expressions.ops import Apply, operate
from trueup.core.expressions.order import Sorted
from trueup.core.expressions.pieces import Choose, Lookup


def by_group(key: Key, names: Sequence[str], options: Sequence[Expr]) -> Expr:
    """``options[g]`` where ``key`` is ``names[g]``, else the last one, computed once a row.

    Where the options take the same steps with other numbers, their numbers are looked up, so that
    the cost of a row does not grow with the number of groups. Only where steps differ does each
    group keep its own (``Choose``).

    Examples
    --------
    >>> from trueup.core.expressions import Input, evaluate
    >>> x = Input("x")
    >>> made = by_group(Key("k"), ("a",), [Scaled(x, 2.0), Scaled(x, 3.0)])
    >>> evaluate(made, {"x": np.array([1.0, 1.0]), "k": np.array(["a", "b"])}).ravel()
    array([2., 3.])
    """
    merge = _Merge(key, tuple(names), len(options))
    made = merge(tuple(options))
    merge.close()
    return made


@dataclass
class _Merge:
    """Puts one node in the place of one a group, and gathers the numbers in which they differ."""

    key: Key
    names: tuple[str, ...]
    count: int
    columns: list[np.ndarray] = field(default_factory=list)
    done: dict[tuple[int, ...], Expr] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.table = Lookup(self.key, self.names, np.zeros((self.count, 0)))

    def close(self) -> None:
        """Fill the table that all numbers are looked up in: a row finds its group once."""
        found = np.column_stack([*self.columns, self.table.values])
        object.__setattr__(self.table, "values", found)

    def __call__(self, nodes: tuple[Expr, ...]) -> Expr:
        known = tuple(map(id, nodes))
        if known not in self.done:
            self.done[known] = self._merged(nodes)
        return self.done[known]

    def _merged(self, nodes: tuple[Expr, ...]) -> Expr:
        first = nodes[0]
        if all(node is first for node in nodes):
            return first
        shapes = {(type(node), tuple(part.width for part in node.parents)) for node in nodes}
        if len(shapes) > 1 or not self._alike(nodes):
            return Choose(self.key, self.names, nodes)
        parents = [self(parts) for parts in zip(*(node.parents for node in nodes), strict=True)]
        if isinstance(first, Scaled):
            return self._scaled(parents[0], nodes)
        if isinstance(first, Linear):
            return self._linear(parents[0], nodes)
        if isinstance(first, Join | Apply):
            return replace(first, parts=tuple(parents))
        return replace(first, x=parents[0])  # type: ignore[call-arg]

    def _alike(self, nodes: tuple[Expr, ...]) -> bool:
        """Whether the nodes take the same step, but for numbers that can be looked up."""
        first = nodes[0]
        if isinstance(first, Linear):
            return len({node.width for node in nodes}) == 1
        told = {Apply: "op", Pick: "columns", Total: "greatest"}.get(type(first))  # type: ignore[call-overload]
        if told:
            return len({getattr(node, told) for node in nodes}) == 1
        return isinstance(first, Scaled | Join | Sorted)

    def _looked_up(self, numbers: np.ndarray) -> Expr:
        """Columns of ``numbers`` (count, w) by group."""
        start = len(self.columns)
        self.columns += list(numbers.T)
        return Pick(self.table, tuple(range(start, start + numbers.shape[1])))

    def _scaled(self, x: Expr, nodes: tuple[Expr, ...]) -> Expr:
        scale = np.stack([node.scale for node in nodes])  # type: ignore[attr-defined]
        shift = np.stack([node.shift for node in nodes])  # type: ignore[attr-defined]
        if (scale == scale[0]).all():
            x = x if (scale[0] == 1).all() else Scaled(x, scale[0])
        else:
            x = operate("multiply", x, self._looked_up(scale))
        return self._shifted(x, shift)

    def _shifted(self, x: Expr, shift: np.ndarray) -> Expr:
        if (shift == shift[0]).all():
            return x if not shift.any() else Scaled(x, 1.0, shift[0])
        return operate("add", x, self._looked_up(shift))

    def _linear(self, x: Expr, nodes: tuple[Expr, ...]) -> Expr:
        """What all groups share as one product; the rest an entry of every row at a time."""
        weight = np.stack([node.weight for node in nodes])  # type: ignore[attr-defined]
        shift = np.stack([node.shift for node in nodes])  # type: ignore[attr-defined]
        varies = (weight != weight[0]).any(axis=0)
        common = Linear(x, np.where(varies, 0.0, weight[0]), np.zeros(len(varies)))
        made: Expr | None = common if common.weight.any() else None
        # The j-th entry of each row that differs between groups; rows with fewer take a zero.
        place = np.argsort(~varies, axis=1, kind="stable")
        rows = np.arange(len(varies))
        for j in range(int(varies.sum(axis=1).max())):
            at = place[:, j]
            numbers = np.where(varies[rows, at], weight[:, rows, at], 0.0)
            term = operate("multiply", Pick(x, tuple(at.tolist())), self._looked_up(numbers))
            made = term if made is None else operate("add", made, term)
        return self._shifted(common if made is None else made, shift)
