"""Forecasts of numbers in Polars, DuckDB and Ibis: the cube and the audit are those of the kernel."""

from __future__ import annotations

import pytest

from audit.forecasts import KINDS
from scale.numbers_elsewhere import (
    NUMBER_CUTS,
    number_table,
    same_number_audit,
    same_numbers,
)
from scale.test_elsewhere import ENGINES


pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")


@pytest.mark.parametrize("cut", NUMBER_CUTS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_cube_is_that_of_the_kernel(engine, kind, cut):
    same_numbers(ENGINES[engine](number_table(kind)), kind, cut)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_audit_is_the_same(engine, kind):
    same_number_audit(ENGINES[engine](number_table(kind)), kind)
