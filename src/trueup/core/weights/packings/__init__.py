"""Kinds of packed tensors."""

from trueup.core.weights.packings.codes import Codes as Codes
from trueup.core.weights.packings.low_rank import LowRank as LowRank
from trueup.core.weights.packings.rotated import Rotated as Rotated
from trueup.core.weights.packings.sparse import Sparse as Sparse
from trueup.core.weights.packings.sum import Sum as Sum
