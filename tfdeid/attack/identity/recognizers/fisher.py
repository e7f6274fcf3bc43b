"""Recognizes by pixels, each weighed by how little it changes between images of one person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import scipy.linalg

from tfdeid.attack.comparing import reduced
from tfdeid.attack.identity.base import Embeddings, Form, Image, Recognizer, Scores, TrainingView, distances
from tfdeid.parallel import parallel_map

_SIZE = 32
# How much of the covariance is taken for that of pixels by themselves: there are fewer images than pixels.
_SHRINKAGE = 0.2
_FLOOR = 1e-8


class Fisher(Recognizer):
    """Fisher's discriminant on pixels (Belhumeur et al. 1997): differences within people, of all forms, are evened out."""

    name = "fisher"
    about = "weighs pixels by how little they change between images of one person, de-identified under its own keys or not"

    def fit(self, view: TrainingView) -> None:
        rows = {form: _pixels(images) for form, images in view.images.items()}
        self._means = {form: of.mean(0) for form, of in rows.items()}
        self._whitening = whitening(
            np.concatenate([of - self._means[form] for form, of in rows.items()]),
            np.concatenate([view.people[form] for form in rows]),
            _SHRINKAGE,
        )

    def embed(self, images: Sequence[Image], form: Form) -> Embeddings:
        return ((_pixels(images) - self._means[form]) @ self._whitening).astype(np.float32)

    def likeness(self, probes: Embeddings, gallery: Embeddings) -> Scores:
        return distances(probes, gallery)


def whitening(rows: npt.NDArray[np.float64], people: npt.NDArray[np.intp], shrinkage: float) -> npt.NDArray[np.float64]:
    """Returns float64[D, D], by which rows are multiplied so that within people they differ alike in all directions.

    Args:
      rows: float64[N, D], centred.
      people: intp[N], whose each is.
      shrinkage: in (0, 1], how far the covariance is drawn to its diagonal (Schaefer and Strimmer 2005).
    """
    counts = np.bincount(people)
    means = np.stack([np.bincount(people, column) for column in rows.T], axis=1) / counts[:, None]
    apart = rows - means[people]
    covariance = apart.T @ apart / len(rows)
    own = np.diag(covariance)
    covariance = (1 - shrinkage) * covariance + np.diag(shrinkage * own + _FLOOR * max(float(own.mean()), _FLOOR))
    return scipy.linalg.solve_triangular(np.linalg.cholesky(covariance), np.eye(len(own)), lower=True).T


def _pixels(images: Sequence[Image]) -> npt.NDArray[np.float64]:
    return np.stack(parallel_map(lambda image: reduced(image, _SIZE).ravel(), images)) / 255.0
