"""Small problems whose truth is known: for tests, claims, docs and first steps.

Reference simulators, like ``KuramotoSivashinsky``, are imported when they are first used.
"""

import importlib

from trueup.worlds.forecasts import ForecastWorld as ForecastWorld
from trueup.worlds.forecasts import forecasts as forecasts
from trueup.worlds.groups import GroupWorld as GroupWorld
from trueup.worlds.groups import confident_by_group as confident_by_group
from trueup.worlds.probabilities import World as World
from trueup.worlds.probabilities import autocorrelated as autocorrelated
from trueup.worlds.probabilities import calibrated as calibrated
from trueup.worlds.probabilities import clustered as clustered
from trueup.worlds.probabilities import confident_by_factor as confident_by_factor
from trueup.worlds.probabilities import confused_classes as confused_classes
from trueup.worlds.tables import Planted as Planted
from trueup.worlds.tables import planted_table as planted_table


def __getattr__(name: str):
    """Import a simulator when it is first used."""
    simulators = importlib.import_module("trueup.worlds.simulators")
    if name == "simulators" or name in simulators.__all__:
        return simulators if name == "simulators" else getattr(simulators, name)
    raise AttributeError(f"module 'trueup.worlds' has no attribute '{name}'")
