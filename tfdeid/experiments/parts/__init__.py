"""What tables are made of: measures, training runs and attacks. Each runs itself, and is kept once finished."""

from tfdeid.experiments.parts.attacking import Attacking
from tfdeid.experiments.parts.base import Part, Result
from tfdeid.experiments.parts.measuring import Measuring
from tfdeid.experiments.parts.training import Training

__all__ = ["Attacking", "Measuring", "Part", "Result", "Training"]
