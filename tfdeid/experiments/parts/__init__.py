"""What experiments are made of: measures, training runs, attacks. Each runs itself, and is kept once finished."""

from tfdeid.experiments.parts.attacking import Attacking
from tfdeid.experiments.parts.base import Part, Result
from tfdeid.experiments.parts.encrypting import Encrypted
from tfdeid.experiments.parts.identifying import Identifying
from tfdeid.experiments.parts.inferring import Inferring
from tfdeid.experiments.parts.measuring import Measuring
from tfdeid.experiments.parts.reading import Reading
from tfdeid.experiments.parts.training import Training

__all__ = ["Attacking", "Encrypted", "Identifying", "Inferring", "Measuring", "Part", "Reading", "Result", "Training"]
