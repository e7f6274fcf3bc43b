"""What is run for each method: trainings on its images, and attacks on them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tfdeid.compare.methods import Method
from tfdeid.deidentifier import DeidConfig
from tfdeid.experiments.parts import Attacking, Identifying, Inferring, Part, Reading, Training
from tfdeid.experiments.scale import Scale, augmentation
from tfdeid.experiments.workshop import Workshop
from tfdeid.reference import SOURCE

# Seeds that are looked for among what is kept.
_MOST_SEEDS = 10


@dataclasses.dataclass(frozen=True)
class Question:
    """What a comparison asks.

    Attributes:
      dataset: the source.
      scale: how much is run.
      identity, text, sensitive: features of the source that say who it is, what is written and what is sensitive; None for not
        asked.
      seeds: networks trained for each method, at least: those that are kept of further seeds count too.
    """

    dataset: str
    scale: Scale
    identity: str | None = None
    text: str | None = None
    sensitive: str | None = None
    seeds: int = 1


@dataclasses.dataclass(frozen=True)
class Row:
    """A method and the parts that its figures come from.

    Attributes:
      method: as it was named.
      deid: what is done, at the size at which it is attacked.
      trainings: networks on its images, one a seed; none where there is nothing to train for.
      attacks: by kind, parts of one result each: "attacking", "re-identifying", "reading", "inferring".
    """

    method: Method
    deid: DeidConfig
    trainings: tuple[Training, ...]
    attacks: dict[str, Part] = dataclasses.field(hash=False)

    @property
    def parts(self) -> list[Part]:
        return [*self.trainings, *self.attacks.values()]


def plan(question: Question, methods: Sequence[Method], workshop: Workshop, untrained: str) -> list[Row]:
    """Returns a row for each method.

    Args:
      question: what is asked.
      methods: what is compared.
      workshop: where parts are kept.
      untrained: why no networks are trained, "" if they are.

    Raises:
      DeidError: a method does not suit the images.
    """
    side = workshop.side(question.dataset)
    return [_row(question, method, method.config(side), workshop, not untrained) for method in methods]


def _row(question: Question, method: Method, deid: DeidConfig, workshop: Workshop, trained: bool) -> Row:
    scale, dataset = question.scale, question.dataset
    small = dataclasses.replace(deid, output_size=scale.trained_size(deid))
    networks = [
        Training(small, seed, augmentation(deid), recipe=scale.recipe, dataset=dataset)
        for seed in range(max(question.seeds, _MOST_SEEDS) if trained else 0)
    ]
    # What further seeds came to counts where it is there: of the methods that matter, more are easily trained.
    trainings = tuple(network for network in networks if network.seed < question.seeds or network.is_kept(workshop))
    parts: list[Part] = [Attacking(deid, scale.attacked, scale.public, SOURCE, pictures=True, dataset=dataset)]
    if question.identity:
        parts.append(Identifying(deid, question.identity, scale.identified, dataset=dataset))
    if question.text:
        parts.append(Reading(deid, question.text, scale.read, scale.public, dataset=dataset))
    if question.sensitive:
        parts.append(Inferring(deid, question.sensitive, scale.attacked, scale.public, dataset=dataset))
    return Row(method, deid, trainings, {part.work: part for part in parts})


def nothing_to_train_for(question: Question, workshop: Workshop) -> str:
    """Returns why no network is trained, as a sentence; "" if one can be.

    Raises:
      DeidError: the source has no such identity.
    """
    source = workshop.source(question.dataset)
    begun = "no networks are trained, and no accuracy is shown, the risks alone:"
    if source.label_names is None:
        return f"{begun} {question.dataset} has no labels"
    if len(source.label_names) < 2:
        return f"{begun} all images of {question.dataset} have the label {source.label_names[0]!r}"
    if question.identity:
        split = workshop.splits(question.dataset).train
        if set(source.values(split, question.identity)) <= set(source.label_names):
            return f"{begun} the labels of {question.dataset} are who it is ({question.identity}), which is to be hidden"
    return ""
