"""Re-identification: attackers with other pictures of the same people name who is in records."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from tfdeid.attack.base import Image, Scores
from tfdeid.attack.checks import check_array, check_numbers
from tfdeid.attack.features import Features
from tfdeid.attack.identity.base import Embeddings, Form, Recognizer, TrainingView
from tfdeid.attack.identity.division import Division, divide
from tfdeid.attack.identity.findings import Attempt, IdentityFindings, Way
from tfdeid.attack.identity.options import IdentityOptions
from tfdeid.attack.identity.recognizers.adapted import Adapted
from tfdeid.attack.identity.recognizers.dlib_faces import DlibFaces
from tfdeid.attack.identity.recognizers.fisher import Fisher
from tfdeid.attack.identity.recognizers.hog import HogRecognizer
from tfdeid.attack.identity.recognizers.trained import Trained
from tfdeid.attack.identity.scores import figures_of
from tfdeid.attack.pool import Pool
from tfdeid.attack.shadow_keys import shadow_deidentifier, shadow_key
from tfdeid.attack.truth import FAILURES
from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.errors import warn
from tfdeid.key import Key
from tfdeid.parallel import parallel_map

RECOGNIZERS: dict[str, type[Recognizer]] = {
    recognizer.name: recognizer for recognizer in (HogRecognizer, Fisher, Trained, DlibFaces, Adapted)
}
"""By name, in the order in which they are run."""
# A key's table takes a while to make; a few keys show what differs between them.
_NUM_KEYS, _RECORDS_EACH = 16, 2
# The own key of the gallery, which no training image is de-identified under.
_GALLERY_KEY = _NUM_KEYS * _RECORDS_EACH


def reidentify(
    pool: Pool,
    config: DeidConfig,
    key: Key | None,
    options: IdentityOptions | None = None,
    seed: int = 0,
    on_step: Callable[[str], object] = lambda what: None,
    recognizers: Sequence[str] | None = None,
) -> IdentityFindings:
    """Attacks records of people whom attackers have plain images of, by all recognizers.

    The owner's key makes the records that are looked at and nothing else; attackers have keys of their own.

    Args:
      pool: images, with a value that says whose each is.
      config: what the owner does.
      key: the owner's; None for schemes that need none.
      options: shares of people and images; None for the usual ones.
      seed: of all draws.
      on_step: called with what comes next.
      recognizers: their names; None for all. One that can't be carried out has a reason in `failed`, and a warning says so.

    Raises:
      DeidError: people have too few images, or the key is missing.
    """
    options = options or IdentityOptions()
    division = divide(pool, options, seed)
    on_step("records of people, under the owner's key and attackers' own")
    view, gallery, probes = _material(pool, division, config, key, seed)
    run = _Run(division, gallery, probes)
    for name in RECOGNIZERS if recognizers is None else recognizers:
        on_step(f"recognizer {name}")
        try:
            run.add(RECOGNIZERS[name](), view)
        except FAILURES as error:
            run.failed[name] = str(error)
            warn(f"the recognizer {name} failed: {error}")
    return run.findings(pool.feature, options, seed)


_Forms = dict[Form, Sequence[Image]]


def _material(
    pool: Pool, division: Division, config: DeidConfig, key: Key | None, seed: int
) -> tuple[TrainingView, _Forms, _Forms]:
    """Returns what attackers train on, and gallery and probes in all forms."""
    training = [pool.images[k] for k in division.training]
    gallery = [pool.images[k] for k in division.gallery]
    probes = [pool.images[k] for k in division.probes]
    owner = Deidentifier(config, key)
    records = parallel_map(owner, probes, [pool.ids[k] for k in division.probes])
    own, origins = _own_records(training, config, seed)
    with_own_key = _under(_GALLERY_KEY, gallery, config, seed)
    public = parallel_map(owner.prepare, training)
    forms: list[_Forms] = []
    for plain, made in ((training, own), (gallery, with_own_key), (probes, records)):
        forms.append({Form.PLAIN: plain, Form.RECORD: made})
        if config.scheme_class.traces:
            forms[-1][Form.CLEANED] = list(Features(np.stack(made), config, public, seed).cleaned)
    from_which = {form: np.arange(len(training)) if form is Form.PLAIN else origins for form in forms[0]}
    people = {form: division.training_people[of] for form, of in from_which.items()}
    return TrainingView(forms[0], people, from_which, config, seed), forms[1], forms[2]


def _own_records(images: Sequence[Image], config: DeidConfig, seed: int) -> tuple[list[Image], npt.NDArray[np.intp]]:
    """Returns records that attackers make, a few of each image under different keys, and which image each is of."""
    made: list[Image] = []
    origins: list[int] = []
    for number in range(_NUM_KEYS * _RECORDS_EACH):
        # Images of one person go to different keys.
        chosen = [k for k in range(len(images)) if (k + number // _NUM_KEYS * 5) % _NUM_KEYS == number % _NUM_KEYS]
        if chosen:
            made += _under(number, [images[k] for k in chosen], config, seed)
            origins += chosen
    return made, np.array(origins)


def _under(number: int, images: Sequence[Image], config: DeidConfig, seed: int) -> list[Image]:
    """Returns records under one of the attacker's own keys."""
    deidentify = shadow_deidentifier(config, shadow_key(seed, number))
    return parallel_map(deidentify, images, [f"own {number} {k}" for k in range(len(images))])


@dataclasses.dataclass
class _Scored:
    """Scores of one recognizer by one way, float64[N, G]; the way is None for plain probes."""

    recognizer: str
    way: Way | None
    scores: Scores
    seconds: float


class _Run:
    """What recognizers came to so far."""

    def __init__(self, division: Division, gallery: _Forms, probes: _Forms):
        self._division, self._gallery, self._probes = division, gallery, probes
        self._scored: list[_Scored] = []
        self._about: dict[str, str] = {}
        self.failed: dict[str, str] = {}

    def add(self, recognizer: Recognizer, view: TrainingView) -> None:
        """Fits a recognizer and lets it score all probes in all ways."""
        started = time.perf_counter()
        recognizer.fit(view)
        vectors = {
            (what, form): _checked(recognizer.embed(images, form), len(images))
            for what, forms in (("gallery", self._gallery), ("probes", self._probes))
            for form, images in forms.items()
        }
        seconds = time.perf_counter() - started
        scored = []
        for way in (None, *Way):
            gallery, probe = (Form.PLAIN, Form.PLAIN) if way is None else way.forms
            if gallery in self._gallery and probe in self._probes:
                means = _means(vectors["gallery", gallery], self._division.gallery_people)
                scored.append(_Scored(recognizer.name, way, recognizer.likeness(vectors["probes", probe], means), seconds))
        self._scored += scored
        self._about[recognizer.name] = recognizer.about

    def findings(self, feature: str, options: IdentityOptions, seed: int) -> IdentityFindings:
        """Returns figures of those who are the most distinctive, by plain images."""
        division = self._division
        kept = self._most_distinctive(options.distinctive_people)
        is_kept = np.isin(division.probe_people, kept)
        people = np.searchsorted(kept, division.probe_people[is_kept])
        figures = [figures_of(scored.scores[is_kept][:, kept], people, seed) for scored in self._scored]
        return IdentityFindings(
            feature=feature,
            names=[division.names[number] for number in kept],
            numbers=kept.tolist(),
            probes=int(is_kept.sum()),
            options=options,
            training_people=int(division.training_people.max()) + 1,
            training_images=len(division.training),
            plain={one.recognizer: of for one, of in zip(self._scored, figures, strict=True) if one.way is None},
            attempts=[
                Attempt(one.recognizer, one.way, of, one.seconds)
                for one, of in zip(self._scored, figures, strict=True)
                if one.way is not None
            ],
            about=self._about,
            failed=self.failed,
        )

    def _most_distinctive(self, share: float) -> npt.NDArray[np.intp]:
        """Returns the numbers of a share of people, ascending: whom the best recognizer of plain images tells apart widest."""
        people, count = self._division.probe_people, len(self._division.names)
        wanted = max(2, round(share * count))
        plain = [scored.scores for scored in self._scored if scored.way is None]
        if wanted >= count or not plain:
            return np.arange(count)
        rows = np.arange(len(people))
        best, best_rate = plain[0], -1.0
        for scores in plain:
            if (rate := float((scores.argmax(1) == people).mean())) > best_rate:
                best, best_rate = scores, rate
        others = best.copy()
        others[rows, people] = -np.inf
        margins = np.bincount(people, best[rows, people] - others.max(1), count) / np.bincount(people, minlength=count)
        return np.sort(np.argsort(-margins, kind="stable")[:wanted])


def _checked(vectors: Embeddings, count: int) -> Embeddings:
    """Returns vectors of images; raises DeidError for what are none."""
    check_array("vectors", vectors, (count, *np.shape(vectors)[1:]), "f")
    check_numbers("vectors", vectors.sum(1).astype(np.float64))
    return vectors


def _means(vectors: Embeddings, people: npt.NDArray[np.intp]) -> Embeddings:
    """Returns float32[G, D], the mean vector of each person."""
    return np.stack([vectors[people == person].mean(0) for person in range(int(people.max()) + 1)])
