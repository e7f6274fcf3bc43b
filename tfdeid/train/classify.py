"""Classifying a private image (the paper's Fig. 2): it is de-identified here, and the network sees only the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np

from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.errors import DeidError
from tfdeid.image import match_channels, resize
from tfdeid.key import Key
from tfdeid.schemes import SCHEMES
from tfdeid.train.evaluation import load_network
from tfdeid.train.run_dir import LAST, RunDir


def classify(images: Sequence[np.ndarray], run: RunDir, key: Key | None, which: str = LAST) -> np.ndarray:
    """Returns the probabilities of the classes, float32[B, classes].

    Args:
      images: private images, uint8[H, W, 3] or uint8[H, W, 1] of any sizes.
      run: a run on data that was de-identified with the same key.
      key: the owner's key; a run on data that was not encrypted needs none.
      which: "last" or "best" checkpoint.

    Raises:
      DeidError: the key is missing or another one, or an image can't be de-identified.
    """
    prepare = _preparation(run, key)
    batch = np.stack([prepare(image) for image in images])
    logits = load_network(run, which)(batch, training=False)
    return keras.ops.convert_to_numpy(keras.ops.softmax(logits))


def needs_key(run: RunDir) -> bool:
    """Tells whether a run's data were encrypted, so that classifying an image takes the key."""
    return SCHEMES[run.record["dataset"]["facts"].get("scheme", "plain")].needs_key


def _preparation(run: RunDir, key: Key | None) -> Callable[[np.ndarray], np.ndarray]:
    """Returns what the data of a run went through before training, as a function of one image."""
    dataset, network = run.record["dataset"], run.record["network"]
    facts = dataset["facts"]
    sizes = [*dataset["resizing"], network["image_size"]]

    def resized(image: np.ndarray) -> np.ndarray:
        for size in sizes:
            image = resize(image, size)
        return image

    if "deid" not in facts:
        return lambda image: resized(match_channels(image, network["channels"]))
    if needs_key(run):
        _check_key(key, facts["key_fingerprint"])
    deidentify = Deidentifier(DeidConfig.of_facts(facts), key)

    def deidentified(image: np.ndarray) -> np.ndarray:
        image = match_channels(image, network["channels"])
        # In some modes an image needs an id that no other has.
        image_id = key.hmac("classify", str(image.shape), image.tobytes())[:16].hex() if key else None
        return resized(deidentify(image, image_id))

    return deidentified


def _check_key(key: Key | None, fingerprint: str) -> None:
    if key is None:
        raise DeidError(f"the network is trained on encrypted images. Give the key (fingerprint {fingerprint}).")
    if key.fingerprint != fingerprint:
        raise DeidError(
            f"the key must be the one that the training data was de-identified with, of fingerprint {fingerprint}; "
            f"the fingerprint was {key.fingerprint}."
        )
