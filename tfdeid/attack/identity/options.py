"""Who attackers train on, what they have of those they look for, and who is looked for."""

from __future__ import annotations

import dataclasses

from tfdeid.checks import check_whole
from tfdeid.errors import DeidError


@dataclasses.dataclass(frozen=True)
class IdentityOptions:
    """Shares of people and images, as Todt et al. 2024 (SEBA) set them apart.

    Raises:
      DeidError: a value is out of its bounds.
    """

    attacker_people: float = 0.5
    """of people with enough images, the share whom attackers train on; the others are looked for"""
    gallery_images: int = 5
    """plain images of each person looked for that attackers have; the person's other images are de-identified"""
    distinctive_people: float = 1.0
    """of the people looked for, the share to keep: those whose plain images are told apart with the widest margin, who are the
    hardest to protect"""

    def __post_init__(self) -> None:
        check_whole("gallery_images", self.gallery_images, 1, 1000)
        _check_share("attacker_people", self.attacker_people, below_one=True)
        _check_share("distinctive_people", self.distinctive_people, below_one=False)


def _check_share(name: str, value: float, below_one: bool) -> None:
    """Raises DeidError for what is no share above 0, and at most 1."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 < value <= 1 or (below_one and value == 1):
        raise DeidError(f"{name} must be a share in (0, 1{')' if below_one else ']'}, {name} was {value!r}.")
