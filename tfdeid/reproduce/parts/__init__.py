"""What tables are made of: measures, training runs and attacks. Each runs itself, and is kept once finished."""

from tfdeid.reproduce.parts.attacking import Attacking
from tfdeid.reproduce.parts.base import Part, Result
from tfdeid.reproduce.parts.measuring import Measuring
from tfdeid.reproduce.parts.training import Training

__all__ = ["Attacking", "Measuring", "Part", "Result", "Training"]
