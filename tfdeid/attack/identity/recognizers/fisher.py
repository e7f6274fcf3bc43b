"""Recognizes by pixels, each weighed by how little it changes between images of one person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import scipy.linalg

from tfdeid.attack.comparing import reduced
from tfdeid.attack.identity.base import Embeddings, Form, Image, Recognizer, Scores, TrainingView, distances
from tfdeid.parallel import parallel_map

Rows = npt.NDArray[np.float64]

_SIZE = 32
# How much of the covariance is taken for that of pixels by themselves: there are fewer images than pixels.
_SHRINKAGE = 0.2
_FLOOR = 1e-8


class Fisher(Recognizer):
    """Fisher's discriminant on pixels (Belhumeur et al. 1997): differences within people, in any form, are evened out."""

    name = "fisher"
    about = "weighs pixels by how little they change between images of one person, de-identified under its own keys or not"

    def fit(self, view: TrainingView) -> None:
        rows = {form: _pixels(images) for form, images in view.images.items()}
        self._means = {form: of.mean(0) for form, of in rows.items()}
        self._whitening = whitening(rows, view.people, _SHRINKAGE)

    def embed(self, images: Sequence[Image], form: Form) -> Embeddings:
        return ((_pixels(images) - self._means[form]) @ self._whitening).astype(np.float32)

    def likeness(self, probes: Embeddings, gallery: Embeddings) -> Scores:
        return distances(probes, gallery)


def whitening(rows: dict[Form, Rows], people: dict[Form, npt.NDArray[np.intp]], shrinkage: float) -> Rows:
    """Returns float64[D, D], by which rows are multiplied so that within people they differ alike in all directions.

    Args:
      rows: by form, float64[N, D]. What differs between forms of one person counts for nothing.
      people: by form, intp[N], whose each is.
      shrinkage: in (0, 1], how far the covariance is drawn to its diagonal (Schaefer and Strimmer 2005).
    """
    apart = np.concatenate([of - _person_means(of, people[form])[people[form]] for form, of in rows.items()])
    covariance = apart.T @ apart / len(apart)
    own = np.diag(covariance)
    covariance = (1 - shrinkage) * covariance + np.diag(shrinkage * own + _FLOOR * max(float(own.mean()), _FLOOR))
    return scipy.linalg.solve_triangular(np.linalg.cholesky(covariance), np.eye(len(own)), lower=True).T


def _person_means(rows: Rows, people: npt.NDArray[np.intp]) -> Rows:
    """Returns float64[G, D], the mean of each person's rows."""
    order = np.argsort(people, kind="stable")
    counts = np.bincount(people)
    return np.add.reduceat(rows[order], np.cumsum(counts) - counts) / counts[:, None]


def _pixels(images: Sequence[Image]) -> Rows:
    return np.stack(parallel_map(lambda image: reduced(image, _SIZE).ravel(), images)) / 255.0
