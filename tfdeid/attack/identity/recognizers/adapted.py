"""Adapts vectors of an off-the-shelf network to what a scheme makes of them, by records of other people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfdeid.attack.identity import face_network
from tfdeid.attack.identity.base import Embeddings, Form, Image, Recognizer, TrainingView
from tfdeid.attack.identity.recognizers.dlib_faces import face_vectors
from tfdeid.attack.identity.recognizers.fisher import whitening

# On faces at an input size of 50, ridge regression from vectors of records to those of plain images found fewer people.
_SHRINKAGE = 0.5


class Adapted(Recognizer):
    """dlib's vectors about the mean of their form, differences within people evened out, compared by angles."""

    name = "adapted"
    about = "takes out of the same vectors what the scheme adds, as learned from records of other people under keys of its own"

    def fit(self, view: TrainingView) -> None:
        face_network.weights_file()
        rows = {form: face_vectors(images).astype(np.float64) for form, images in view.images.items()}
        self._means = {form: of.mean(0) for form, of in rows.items()}
        self._whitening = whitening(rows, view.people, _SHRINKAGE)

    def embed(self, images: Sequence[Image], form: Form) -> Embeddings:
        return ((face_vectors(images) - self._means[form]) @ self._whitening).astype(np.float32)
