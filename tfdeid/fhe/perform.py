"""A client and a server in one process, with a trained network and the test images of its dataset, and what it costs."""

from __future__ import annotations

import dataclasses
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from tfdeid.fhe.client import Client
from tfdeid.fhe.network import Network
from tfdeid.fhe.server import Server


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What encrypted inference gave and cost.

    Attributes:
      num_images: images that were classified.
      batch_size: images that share ciphertexts.
      accuracy: share of right answers, of decrypted logits.
      plain_accuracy: likewise of the network itself, as Keras computes it.
      same_answers: images that both give the same class.
      largest_error: of a decrypted logit.
      largest_logit: of the network itself.
      closest_decision: the least difference between the two largest logits of an image.
      seconds: means over batches, by step: "encrypt", "answer", "decrypt".
      plain_seconds: of an image, by Keras.
      megabytes: "keys" once, "request" and "answer" of a batch.
      peak_memory: of the whole process, in megabytes.
    """

    num_images: int
    batch_size: int
    accuracy: float
    plain_accuracy: float
    same_answers: int
    largest_error: float
    largest_logit: float
    closest_decision: float
    seconds: dict[str, float]
    plain_seconds: float
    megabytes: dict[str, float]
    peak_memory: float

    @property
    def seconds_per_image(self) -> float:
        """Where all batches are full, as in the long run."""
        return sum(self.seconds.values()) / self.batch_size

    def to_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "seconds_per_image": self.seconds_per_image}

    def __str__(self) -> str:
        each = {name: size / self.batch_size for name, size in self.megabytes.items()}
        return "\n".join(
            [
                f"{self.num_images} images, {self.batch_size} at once; accuracy {self.accuracy:.4f} encrypted, "
                f"{self.plain_accuracy:.4f} in the clear; {self.same_answers} of {self.num_images} answers are the same",
                f"logits are off by {self.largest_error:.4f} at most, of up to {self.largest_logit:.1f}; the closest decision "
                f"was one of {self.closest_decision:.3f}",
                f"a batch takes {sum(self.seconds.values()):.1f} s ("
                + ", ".join(f"{name} {seconds:.2f}" for name, seconds in self.seconds.items())
                + f"), an image {self.seconds_per_image:.2f} s; in the clear {1000 * self.plain_seconds:.2f} ms",
                f"an image sends {each['request']:.2f} MB and gets {each['answer']:.3f} MB; keys are "
                f"{self.megabytes['keys']:.1f} MB, once; memory {self.peak_memory:,.0f} MB, client and server together",
            ]
        )


def perform(
    model: keras.Model,
    predict: Callable[[np.ndarray, int], np.ndarray],
    images: np.ndarray,
    labels: np.ndarray,
    progress: Callable[[int], object] = lambda steps: None,
) -> Outcome:
    """Classifies images that the network's owner can't see.

    Args:
      model: a trained network of `--model cryptonet`.
      predict: the same in the clear, from images, and the size that their batch is filled up to, to logits.
      images: uint8[N, S, S, C].
      labels: int[N].
      progress: called with the number of steps once it is known, and with 0 after each.

    Raises:
      DeidError: the network is another one, the images are of another size, or SEAL is not installed.
    """
    network = Network.of(model)
    client = Client(network.geometry, network.last.shape[1])
    keys = client.keys()
    server = Server(network, keys)
    size = client.batch_size
    batches = [images[start : start + size] for start in range(0, len(images), size)]
    progress(len(batches) * server.steps)
    seconds: dict[str, list[float]] = {"encrypt": [], "answer": [], "decrypt": []}

    def timed(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        started = time.perf_counter()
        result = function(*arguments)
        seconds[name].append(time.perf_counter() - started)
        return result

    logits = []
    for batch in batches:
        request = timed("encrypt", client.encrypt, batch)
        answer = timed("answer", server.answer, request, lambda: progress(0))
        logits.append(timed("decrypt", client.decrypt, answer, len(batch)))
    found = np.concatenate(logits)
    predict(images[:1], size)  # Compiles.
    started = time.perf_counter()
    plain = np.concatenate([predict(batch, size) for batch in batches])
    plain_seconds = (time.perf_counter() - started) / len(images)
    first, second = np.sort(plain, 1)[:, -1], np.sort(plain, 1)[:, -2]
    return Outcome(
        num_images=len(images),
        batch_size=size,
        accuracy=float((found.argmax(1) == labels).mean()),
        plain_accuracy=float((plain.argmax(1) == labels).mean()),
        same_answers=int((found.argmax(1) == plain.argmax(1)).sum()),
        largest_error=float(abs(found - plain).max()),
        largest_logit=float(abs(plain).max()),
        closest_decision=float((first - second).min()),
        seconds={name: float(np.mean(values)) for name, values in seconds.items()},
        plain_seconds=plain_seconds,
        megabytes={"keys": len(keys) / 1e6, "request": len(request) / 1e6, "answer": len(answer) / 1e6},
        peak_memory=_peak_memory(),
    )


def _peak_memory() -> float:
    """Returns megabytes; Linux counts kilobytes, macOS bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)
