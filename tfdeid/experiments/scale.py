"""How much of an experiment is run and how networks are trained for it: what quick, standard and paper mean, in one place."""

from __future__ import annotations

import dataclasses
import math

from tfdeid.deidentifier import DeidConfig

NO_AUGMENTATION = ("--rotation=0", "--shift=0", "--noflip")
ATTACKED_SIZE = 224
"""Pixels a side of what is attacked, whatever the method: cleaning needs it, and SSIM of another size is another figure."""
LARGEST_INPUT = 224
"""Pixels a side that photographs are at most reduced to by methods that change pixels, where nothing is said."""
# Steps that a network needs at least, and images a step that are few.
_LEAST_STEPS, _LEAST_BATCH = 750, 16


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a network is trained: options of `tfdeid.train`, and how many epochs of which steps.

    Attributes:
      options: but for the schedule and the batch.
      epochs: passes through a dataset that is large enough.
      rate: the highest learning rate, at `batch_size`; smaller batches have less in proportion (Goyal et al. 2017).
      batch_size: images a step.
    """

    options: tuple[str, ...]
    epochs: int
    rate: float
    batch_size: int

    def steps(self, num_images: int) -> tuple[int, int]:
        """Returns (epochs, images a step) for so many images to train on.

        A small dataset makes few steps of an epoch: the batch is halved, down to 16, and then there are more epochs, until
        there are 750 steps. (50,000 images make 1,170 in six epochs of 256.)
        """
        batch = self.batch_size
        while batch > _LEAST_BATCH and self.epochs * (num_images // batch) < _LEAST_STEPS:
            batch //= 2
        batch = max(1, min(batch, num_images))
        return max(self.epochs, math.ceil(_LEAST_STEPS / max(1, num_images // batch))), batch

    def for_images(self, num_images: int) -> tuple[str, ...]:
        """Returns the options of `tfdeid.train` for so many images to train on."""
        epochs, batch = self.steps(num_images)
        rate = self.rate * batch / self.batch_size
        return (*self.options, f"--schedule=one_cycle {epochs} x {rate:g}", f"--batch_size={batch}")


_RESNET = (
    "--model=resnet9",
    "--optimizer=sgd",
    "--weight_decay=5e-3",
    "--label_smoothing=0.1",
    "--rotation=0",
    "--fill=128",
)


# Networks of other families take small images whatever the scale: larger ones would take them days.
_SMALL = ("--optimizer=adam", "--rotation=0", "--fill=128", "--shift=0.0625")
_PRIVATE = Recipe(("--model=small_groupnorm", *_SMALL), epochs=30, rate=1e-3, batch_size=512)
POLYNOMIAL = Recipe(("--model=cryptonet", *_SMALL), epochs=10, rate=2e-3, batch_size=256)
"""How a network is trained that can be computed on encrypted images."""


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much of an experiment is run.

    Attributes:
      name: quick, standard or paper.
      measured: images that are measured, at most all.
      trained_by_size: images to train on in Table 4, whose images are up to 224 pixels a side; None for all.
      output_size: pixels a side of traced images that are trained on, but in Table 4; see `trained_size`.
      seeds: training runs of each kind where the paper compares methods.
      attacked, public: records that are attacked, and images that attackers have, at most all.
      recipe: how networks are trained; None for the paper's network and schedule, which are the defaults of `tfdeid.train`.
      reduced: what is less than in the paper.
      identified, read: images in which people are re-identified, and in which text is read, at most all.
      private: how networks are trained by DP-SGD.
    """

    name: str
    measured: int
    trained_by_size: int | None
    output_size: int
    seeds: int
    attacked: int
    public: int
    recipe: Recipe | None
    reduced: str
    identified: int = 1_500
    read: int = 100
    private: Recipe = _PRIVATE

    @property
    def is_whole(self) -> bool:
        """Whether it is the paper's own experiment, which takes GPUs."""
        return self.recipe is None

    def trained_size(self, deid: DeidConfig) -> int:
        """Returns at how many pixels a side a network is trained on a method's images.

        Traced paths are painted at 64, at which what they show can be seen. Other schemes change the pixels that there are,
        and more of them hold no more: they are trained on at their input size, or at 64 where that is larger. The paper
        trains on all at 224.
        """
        if self.is_whole or deid.scheme_class.traces:
            return self.output_size
        return min(deid.input_size, self.output_size)


QUICK = Scale(
    name="quick",
    measured=1000,
    trained_by_size=3_000,
    output_size=64,
    seeds=1,
    attacked=500,
    public=3_000,
    recipe=Recipe((*_RESNET, "--shift=0.0625"), epochs=6, rate=0.4, batch_size=256),
    reduced="a narrow ResNet-9 of 0.4 million weights, 6 epochs, images of at most 64 x 64",
    private=dataclasses.replace(_PRIVATE, epochs=10),
)
STANDARD = dataclasses.replace(
    QUICK,
    name="standard",
    trained_by_size=10_000,
    # More epochs bear more augmentation.
    recipe=Recipe((*_RESNET, "--shift=0.125"), epochs=40, rate=0.4, batch_size=256),
    reduced="a narrow ResNet-9 of 0.4 million weights, 40 epochs, images of at most 64 x 64",
    private=_PRIVATE,
)
PAPER = Scale(
    name="paper",
    measured=10_000,
    trained_by_size=None,
    output_size=224,
    seeds=1,
    attacked=2_000,
    public=10_000,
    recipe=None,
    reduced="nothing",
)
SCALES = {scale.name: scale for scale in (QUICK, STANDARD, PAPER)}


def augmentation(deid: DeidConfig) -> tuple[str, ...]:
    """Returns the options with which a network is trained on a method's images, beside those of the scale.

    Schemes whose blocks or masks stay in place lose by being shifted and turned: they are not augmented.
    """
    stays = deid.scheme == "negative_positive" and not deid.needs_ids
    return NO_AUGMENTATION if stays or not deid.scheme_class.survives_augmentation else ()
