"""Weights of a model: tensors by name, read from files piece by piece."""

from trueup.core.weights.calibrated import calibrated_on as calibrated_on
from trueup.core.weights.opened import open_weights as open_weights
from trueup.core.weights.view import Held as Held
from trueup.core.weights.view import Weights as Weights
from trueup.core.weights.view import held as held
from trueup.core.weights.written import save_weights as save_weights
