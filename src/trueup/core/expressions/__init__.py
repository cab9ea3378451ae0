"""A corrected probability as an expression: written once, computed by NumPy, SQL or elsewhere.

An expression has one or more columns and is made of few kinds of nodes, each of which knows how
NumPy and SQL compute it. A fitted map is such an expression of the log-probabilities, so what a
table engine or an exported file computes is the same by construction.
"""

from trueup.core.expressions.compute import evaluate as evaluate
from trueup.core.expressions.compute import in_order as in_order
from trueup.core.expressions.compute import inputs_of as inputs_of
from trueup.core.expressions.compute import select as select
from trueup.core.expressions.compute import written as written
from trueup.core.expressions.grouped import by_group as by_group
from trueup.core.expressions.nodes import Expr as Expr
from trueup.core.expressions.nodes import Input as Input
from trueup.core.expressions.nodes import Join as Join
from trueup.core.expressions.nodes import Key as Key
from trueup.core.expressions.nodes import Linear as Linear
from trueup.core.expressions.nodes import OfOne as OfOne
from trueup.core.expressions.nodes import Pick as Pick
from trueup.core.expressions.nodes import Scaled as Scaled
from trueup.core.expressions.nodes import Total as Total
from trueup.core.expressions.ops import OPS as OPS
from trueup.core.expressions.ops import Apply as Apply
from trueup.core.expressions.ops import log_softmax as log_softmax
from trueup.core.expressions.ops import logs_of as logs_of
from trueup.core.expressions.ops import operate as operate
from trueup.core.expressions.ops import probs_of as probs_of
from trueup.core.expressions.ops import softmax as softmax
from trueup.core.expressions.order import Above as Above
from trueup.core.expressions.order import Sorted as Sorted
from trueup.core.expressions.order import mean_over as mean_over
from trueup.core.expressions.pieces import MISSING as MISSING
from trueup.core.expressions.pieces import AtLeast as AtLeast
from trueup.core.expressions.pieces import Choose as Choose
from trueup.core.expressions.pieces import Lookup as Lookup
from trueup.core.expressions.pieces import Piecewise as Piecewise
from trueup.core.expressions.pieces import as_names as as_names
from trueup.core.expressions.pieces import distinct_names as distinct_names
