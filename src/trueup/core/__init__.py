"""What every room may use: evidence, predictions, the cube, estimates, proofs, cards, errors."""

from trueup.core.cards import Card as Card
from trueup.core.cards import read_cards as read_cards
from trueup.core.cards import search as search
from trueup.core.cells import Cells as Cells
from trueup.core.cells import tally as tally
from trueup.core.cube import Cube as Cube
from trueup.core.cube import cube_of as cube_of
from trueup.core.errors import EvidenceError as EvidenceError
from trueup.core.errors import FitError as FitError
from trueup.core.errors import LeakageError as LeakageError
from trueup.core.errors import MissingPackage as MissingPackage
from trueup.core.errors import TrueupError as TrueupError
from trueup.core.errors import UsageError as UsageError
from trueup.core.estimate import Estimate as Estimate
from trueup.core.evidence import Evidence as Evidence
from trueup.core.grid import Grid as Grid
from trueup.core.measure import AbstractMeasure as AbstractMeasure
from trueup.core.outcome import Outcome as Outcome
from trueup.core.predictions import Ensemble as Ensemble
from trueup.core.predictions import Intervals as Intervals
from trueup.core.predictions import Normal as Normal
from trueup.core.predictions import Points as Points
from trueup.core.predictions import Probabilities as Probabilities
from trueup.core.predictions import Quantiles as Quantiles
from trueup.core.predictions import Sets as Sets
from trueup.core.rows import Rows as Rows
