"""Recognizes by which way edges run where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfdeid.attack.identity.base import Embeddings, Form, Image, Recognizer
from tfdeid.attack.linkers.hog import gradients
from tfdeid.image import resize
from tfdeid.parallel import parallel_map

_SIDE = 128


class HogRecognizer(Recognizer):
    """Histograms of oriented gradients (Dalal and Triggs 2005), whatever colours are."""

    name = "hog"
    about = "compares histograms of oriented gradients, which know no colours, and learns nothing"

    def embed(self, images: Sequence[Image], form: Form) -> Embeddings:
        # One size for all, so that records and plain images have the same grain.
        return np.stack(parallel_map(lambda image: gradients(resize(image, _SIDE)), images))
