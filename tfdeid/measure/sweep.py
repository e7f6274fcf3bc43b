"""Measures over input sizes, and the size that SDIM recommends (Ko et al. 2020, section III-D): no network is trained."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from tfdeid.deidentifier import DeidConfig
from tfdeid.errors import DeidError
from tfdeid.key import Key
from tfdeid.measure.measures import ALPHA, MEASURES, TITLES, Measures, measure
from tfdeid.reference import SOURCE

_Z_95 = 1.96


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Measures of the same images at several input sizes.

    Attributes:
      config: what was done, but for the input size.
      measures: input size -> measures under the owner's key.
      other_keys: input size -> the means under each of some random keys, as {measure: value}.
      reference: what images were compared with; one of `tfdeid.reference`.
    """

    config: DeidConfig
    measures: dict[int, Measures]
    other_keys: dict[int, list[dict[str, float]]] = dataclasses.field(default_factory=dict)
    reference: str = SOURCE

    @property
    def criterion(self) -> str:
        """The measure that sizes are chosen by, the lower the better: the paper's SDIM, or DI where nothing is traced."""
        return "sdim" if self.config.scheme_class.traces else "di"

    @property
    def best(self) -> int:
        """The input size of the lowest criterion."""
        return min(self.measures, key=lambda size: self.measures[size].mean(self.criterion))

    @property
    def as_good(self) -> list[int]:
        """The sizes whose criterion is not above the best one's beyond chance: differences by image, 95 % interval."""
        best = self.measures[self.best].each(self.criterion)
        as_good = []
        for size, measures in self.measures.items():
            apart = measures.each(self.criterion) - best
            error = apart.std(ddof=1) / np.sqrt(len(apart)) if len(apart) > 1 else np.inf
            if size == self.best or apart.mean() <= _Z_95 * error:
                as_good.append(size)
        return sorted(as_good)

    def recommendation(self) -> str:
        """Returns a sentence that names the recommended input size, and how sure it is."""
        best, count = self.measures[self.best], len(self.measures[self.best].vec)
        value, error = best.mean(self.criterion), _Z_95 * best.error(self.criterion)
        title = TITLES[self.criterion]
        text = f"recommended input size: {self.best} ({title} {value:.4f}, 95 % interval +- {error:.4f})"
        others = [str(size) for size in self.as_good if size != self.best]
        if others:
            return f"{text}. {count:,} images can't tell it from {', '.join(others)}: more images make it surer."
        return f"{text}; lower than at every other size that was tried, at 95 %, on {count:,} images."

    def spread(self, size: int, name: str) -> tuple[float, float]:
        """Returns mean and standard deviation of a measure over the random keys."""
        values = [means[name] for means in self.other_keys[size]]
        return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def sweep(
    images: Sequence[np.ndarray],
    sizes: Sequence[int],
    config: DeidConfig,
    key: Key | None,
    alpha: float = ALPHA,
    num_keys: int = 0,
    seed: int = 0,
    on_image: Callable[[], object] = lambda: None,
    reference: str = SOURCE,
) -> Sweep:
    """Measures the same images at several input sizes.

    Args:
      images: as for `measure`.
      sizes: input sizes, at least one.
      config: what is done to each image; its input size is passed over.
      key: the owner's key.
      alpha: the weight of SSIM_Dei in DI.
      num_keys: random keys under which each size is measured as well, since how much moves depends on the key.
      seed: of these keys, which hide nothing and are made for measuring alone.
      on_image: called after each image and size and key.
      reference: as for `measure`.

    Raises:
      DeidError: there is no size, or one does not fit the configuration.
    """
    if not sizes:
        raise DeidError("a sweep needs at least one input size, got none.")
    configs = {size: dataclasses.replace(config, input_size=size) for size in dict.fromkeys(sizes)}
    keys = [_key(seed, k) for k in range(num_keys)]
    measures = {}
    others: dict[int, list[dict[str, float]]] = {size: [] for size in configs}
    for size, sized in configs.items():
        measures[size] = measure(images, sized, key, alpha, on_image=on_image, reference=reference)
        # What tracing keeps does not depend on the key.
        for other in keys:
            again = measure(images, sized, other, alpha, on_image=on_image, vec=measures[size].vec, reference=reference)
            others[size].append({name: again.mean(name) for name in MEASURES})
    return Sweep(config, measures, others if keys else {}, reference)


def _key(seed: int, number: int) -> Key:
    return Key(base64.b64encode(hashlib.sha256(f"measuring key {number} of seed {seed}".encode()).digest()).decode())
