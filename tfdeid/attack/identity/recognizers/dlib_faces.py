"""Recognizes faces by a network that was trained on plain photographs of millions of others."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from tfdeid.attack.identity import face_network
from tfdeid.attack.identity.base import Embeddings, Form, Image, Recognizer, Scores, TrainingView, distances

# Half a kilobyte an image: plain ones are the same under every scheme, and equal ones have equal vectors.
_kept: dict[bytes, Embeddings] = {}


class DlibFaces(Recognizer):
    """dlib's network as it comes, which has never seen a record."""

    name = "dlib"
    about = "compares vectors of a network that was trained on plain photographs of millions of faces, off the shelf"

    def fit(self, view: TrainingView) -> None:
        face_network.weights_file()

    def embed(self, images: Sequence[Image], form: Form) -> Embeddings:
        return face_vectors(images)

    def likeness(self, probes: Embeddings, gallery: Embeddings) -> Scores:
        return distances(probes, gallery)


def face_vectors(images: Sequence[Image]) -> Embeddings:
    """Returns float32[N, 128] of uint8[H, W, C] each; those of images seen before are kept."""
    digests = [hashlib.sha256(f"{image.shape}".encode() + image.tobytes()).digest() for image in images]
    new = {digest: image for digest, image in zip(digests, images, strict=True) if digest not in _kept}
    if new:
        vectors = face_network.embeddings(face_network.upright(list(new.values())))
        _kept.update(zip(new, vectors, strict=True))
    return np.stack([_kept[digest] for digest in digests])
