"""Attribute inference: what a network that an attacker trains tells of another label of records.

The scheme is public, so whoever has images with the label makes records of them under keys of its own (`shadow_pairs`), trains
a network on those, and shows it the records of others.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfdeid.attack.base import Image, View
from tfdeid.attack.figures import Estimate
from tfdeid.attack.judge import train_judge
from tfdeid.attack.pool import Pool
from tfdeid.attack.section import Section
from tfdeid.attack.sentences import percent
from tfdeid.attack.shadow_pairs import SIZE, reduce_all, seen, shadow_pairs
from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.errors import DeidError
from tfdeid.key import Key
from tfdeid.parallel import parallel_map

PLAIN, RECORDS, CLEANED = "plain images", "records", "cleaned records"
_LEAST = 10
"""Images of a value that an attacker needs, and records that it is tried on."""
# Until the running means of batch normalisation are those of the images.
_LEAST_STEPS = 120
_Z_95 = 1.96
_NUM_KEYS = 100

Classes = npt.NDArray[np.intp]


@dataclasses.dataclass(frozen=True)
class FormFigures:
    """How often the value was named.

    Attributes:
      name: what the network was trained on and shown.
      right: the share of records whose value was named.
      balanced: the same, mean over values: 1 in their number for who knows nothing, however uneven they are.
    """

    name: str
    right: Estimate
    balanced: Estimate


@dataclasses.dataclass(frozen=True)
class Inference:
    """All that inference came to.

    Attributes:
      feature: what was inferred.
      counts: records of each value.
      public: the attacker's own images.
      left_out: records whose value too few of the attacker's images have.
      plain: of a network trained on plain images and shown such.
      forms: of networks trained on records, and shown such.
    """

    feature: str
    counts: Mapping[str, int]
    public: int
    left_out: int
    plain: FormFigures
    forms: Sequence[FormFigures]

    @property
    def best(self) -> FormFigures:
        """The form that tells most."""
        return max(self.forms, key=lambda figures: (figures.right.mean, figures.balanced.mean))

    @property
    def images(self) -> int:
        return sum(self.counts.values())

    @property
    def chance(self) -> float:
        """The share of the most frequent value."""
        return max(self.counts.values()) / self.images

    def result(self) -> dict[str, float]:
        """Returns the figures that tables hold, in percent; of forms, those of the best one."""
        best = self.best
        low, high = best.right.ends()
        values = {
            "inferred": best.right.mean,
            "inferred_low": low,
            "inferred_high": high,
            "inferred_chance": self.chance,
            "inferred_plain": self.plain.right.mean,
            "inferred_balanced": best.balanced.mean,
            "inferred_balanced_chance": 1 / len(self.counts),
            "inferred_balanced_plain": self.plain.balanced.mean,
        }
        return {name: 100 * float(value) for name, value in values.items()}

    def section(self) -> Section:
        """Returns what a report shows."""
        rows = [
            [figures.name, figures.right.in_percent(), figures.balanced.in_percent()] for figures in (self.plain, *self.forms)
        ]
        constant = ["the most frequent value, whatever is seen", percent(self.chance), percent(1 / len(self.counts))]
        return Section(
            name="inference",
            title=f"What is inferred of `{self.feature}` ({len(self.counts)} values, {self.images:,} records)",
            head=["network trained on, and shown", "right", "mean over values"],
            rows=[constant, *rows],
            sentences=self._sentences(),
            figures=self._figures(),
        )

    def _sentences(self) -> list[str]:
        best = self.best
        lines = [
            f"A network trained on {self.public:,} images of the attacker's own, de-identified under keys of its own, names "
            f"`{self.feature}` for {best.right.in_percent()} of the records, at best from {best.name}.",
            f"The most frequent value is right for {percent(self.chance)}, and a network trained on plain images for "
            f"{self.plain.right.in_percent()} of such.",
            "+- is half a 95 % interval. A larger network, or more images, may tell more.",
        ]
        if best.right.ends()[0] <= self.chance:
            lines.insert(
                1, "That is not clearly more than the most frequent value, which proves nothing: a better attacker may do more."
            )
        if self.left_out:
            lines.append(
                f"{self.left_out:,} records are left out, whose value fewer than {_LEAST} of the attacker's images have."
            )
        return lines

    def _figures(self) -> dict[str, Any]:
        def entry(figures: FormFigures) -> dict[str, Any]:
            return {"form": figures.name, "right": figures.right, "balanced": figures.balanced}

        return {
            "feature": self.feature,
            "images": self.images,
            "values": len(self.counts),
            "public_images": self.public,
            "left_out": self.left_out,
            "plain": entry(self.plain),
            "forms": [entry(figures) for figures in self.forms],
            **self.result(),
        }


def infer(
    pool: Pool,
    public: Pool,
    config: DeidConfig,
    key: Key | None,
    seed: int = 0,
    on_step: Callable[[str], object] = lambda name: None,
    num_steps: int | None = None,
    num_keys: int = _NUM_KEYS,
) -> Inference:
    """Trains networks on the attacker's own images and records of these, and shows them the images and records of a pool.

    Args:
      pool: the images that are attacked, with the value of each.
      public: the attacker's own, with the value of each; none of the pool's.
      config: what is done to both.
      key: the owner's; the attacker does not get it.
      seed: of the attacker's keys and networks.
      on_step: called with what is done next.
      num_steps: steps of training of each network; None for as many as `train_judge` takes.
      num_keys: the attacker's own keys, among which its images are shared out.

    Raises:
      DeidError: fewer than two values have enough images, or a network diverged.
    """
    names = check_values(pool, public)
    attacked = pool.taking(number for number, value in enumerate(pool.values) if value in names)
    own = public.taking(number for number, value in enumerate(public.values) if value in names)
    right, labels = _classes(attacked, names), _classes(own, names)

    def judged(name: str, trained_on: Image, shown: Image) -> FormFigures:
        on_step(f"inferring {pool.feature}: training a network on {name}")
        judge = train_judge(list(trained_on), list(map(int, labels)), SIZE, seed, num_steps, False, _LEAST_STEPS)
        return _figures(name, judge(shown), right)

    plain = judged(PLAIN, _plain(config, own.images), _plain(config, attacked.images))
    on_step(f"inferring {pool.feature}: making {len(own.images):,} records under keys of the attacker's own")
    records = np.stack(parallel_map(Deidentifier(config, key), attacked.images, attacked.ids))
    prepare = Deidentifier(config.with_scheme("plain")).prepare
    view = View(records, list(attacked.ids), config, parallel_map(prepare, own.images), seed=seed)
    known, shown = shadow_pairs(view, num_keys).records, seen(records, config)
    channels = records.shape[3]
    forms = [judged(RECORDS, known[..., :channels], shown[..., :channels])]
    if config.scheme_class.traces:
        forms.append(judged(CLEANED, known[..., channels:], shown[..., channels:]))
    counts = {name: int((right == number).sum()) for number, name in enumerate(names)}
    return Inference(
        feature=pool.feature,
        counts={name: count for name, count in counts.items() if count},
        public=len(own.images),
        left_out=len(pool.images) - len(attacked.images),
        plain=plain,
        forms=forms,
    )


def check_values(pool: Pool, public: Pool) -> list[str]:
    """Returns the values that are told apart, sorted: those that enough of the attacker's images have.

    Args:
      pool: the images that are attacked.
      public: the attacker's own.

    Raises:
      DeidError: there are fewer than two, or too few of the images that are attacked have one of them.
    """
    counts = collections.Counter(public.values)
    names = sorted(name for name, count in counts.items() if count >= _LEAST)
    if len(names) < 2 or len({*pool.values} & {*names}) < 2:
        frequent = ", ".join(f"{name!r} {count:,}" for name, count in counts.most_common(3))
        raise DeidError(
            f"of {pool.feature!r} at least two values must each have {_LEAST} or more of the attacker's {len(public.values):,} "
            f"images, and occur in what is attacked; the most frequent are {frequent or 'none'}. Take more images, or another "
            "feature."
        )
    if (known := sum(value in names for value in pool.values)) < _LEAST:
        raise DeidError(f"at least {_LEAST} records must have a value of {pool.feature!r} that attackers know, {known} do.")
    return names


def _classes(pool: Pool, names: Sequence[str]) -> Classes:
    numbers = {name: number for number, name in enumerate(names)}
    return np.array([numbers[value] for value in pool.values], np.intp)


def _plain(config: DeidConfig, images: Sequence[Image]) -> Image:
    """Returns uint8[N, 64, 64, C], images as they came, gray if so configured."""
    whole = Deidentifier(config.with_scheme("plain", input_size=SIZE, output_size=SIZE))
    return reduce_all(parallel_map(whole, images))


def _figures(name: str, named: Classes, right: Classes) -> FormFigures:
    hits = named == right
    return FormFigures(name, Estimate.of_share(hits), balanced(hits, right))


def balanced(hits: npt.NDArray[np.bool_], right: Classes) -> Estimate:
    """Returns the mean over values of the share that was named, and half its 95 % interval.

    Args:
      hits: bool[N], where the value was named.
      right: intp[N], the true values.
    """
    shares, variances = [], []
    for value in np.unique(right):
        of_value = hits[right == value]
        # As in Agresti and Coull's interval, so that none or all of a few are not taken for certain.
        share = (of_value.sum() + 2) / (len(of_value) + 4)
        shares.append(of_value.mean())
        variances.append(share * (1 - share) / (len(of_value) + 4))
    return Estimate(float(np.mean(shares)), float(_Z_95 * np.sqrt(np.sum(variances)) / len(shares)))
