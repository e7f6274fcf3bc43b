"""Takes vectors of an off-the-shelf network on records for those on plain images, by pairs of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tfdeid.attack.identity.base import Embeddings, Form, Image, Recognizer, Scores, TrainingView, distances
from tfdeid.attack.identity.recognizers.dlib_faces import face_vectors
from tfdeid.attack.identity.recognizers.fisher import whitening

_PENALTIES = 10.0 ** np.arange(-4, 3)
_SHRINKAGE = 0.5


class Adapted(Recognizer):
    """Ridge regression from dlib's vectors of records to those of plain images; then all people vary alike."""

    name = "adapted"
    about = "maps the same vectors of records to those of plain images, as learned on other people under keys of its own"

    def fit(self, view: TrainingView) -> None:
        plain = face_vectors(view.images[Form.PLAIN]).astype(np.float64)
        self._maps = {}
        for form, images in view.images.items():
            if form is not Form.PLAIN:
                wanted = plain[view.origins[form]]
                self._maps[form] = _Ridge(face_vectors(images).astype(np.float64), wanted, view.people[form])
        mapped = {form: self._mapped(images, form) for form, images in view.images.items()}
        self._means = {form: of.mean(0) for form, of in mapped.items()}
        self._whitening = whitening(mapped, view.people, _SHRINKAGE)

    def embed(self, images: Sequence[Image], form: Form) -> Embeddings:
        return ((self._mapped(images, form) - self._means[form]) @ self._whitening).astype(np.float32)

    def likeness(self, probes: Embeddings, gallery: Embeddings) -> Scores:
        return distances(probes, gallery)

    def _mapped(self, images: Sequence[Image], form: Form) -> npt.NDArray[np.float64]:
        vectors = face_vectors(images).astype(np.float64)
        return self._maps[form](vectors) if form in self._maps else vectors


class _Ridge:
    """Ridge regression, in closed form; the penalty is the one that does best on people who were left out.

    Args:
      rows: float64[N, D].
      wanted: float64[N, E].
      people: intp[N], whose each is.
    """

    def __init__(self, rows: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64], people: npt.NDArray[np.intp]):
        held_out = people % 4 == 0
        errors = []
        for penalty in _PENALTIES:
            self._fit(rows[~held_out], wanted[~held_out], penalty)
            errors.append(float(((self(rows[held_out]) - wanted[held_out]) ** 2).mean()))
        self._fit(rows, wanted, float(_PENALTIES[int(np.argmin(errors))]))

    def __call__(self, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return (rows - self._from) @ self._weights + self._to

    def _fit(self, rows: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64], penalty: float) -> None:
        self._from, self._to = rows.mean(0), wanted.mean(0)
        centred = rows - self._from
        square = centred.T @ centred
        # As large as the rows are, or without rows that differ, of any size.
        scale = penalty * (float(np.trace(square)) / len(square) or 1.0)
        self._weights = np.linalg.solve(square + scale * np.eye(len(square)), centred.T @ (wanted - self._to))
