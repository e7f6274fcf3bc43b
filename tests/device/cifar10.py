"""CIFAR-10 out of one file, de-identified by all processors, and kept as arrays.

The file holds what JPEG files have in common once: "CIFJ", count and length of the header (uint32, little-endian), the header;
then for each image its split (0 for training), label and length (uint8, uint8, uint16), and the rest of its file.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import functools
import itertools
import multiprocessing
import os
import pathlib
import struct
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from tfdeid.compare.methods import parse_methods
from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.experiments.scale import QUICK
from tfdeid.image import decode_image
from tfdeid.key import Key

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
SPLITS = ("train", "test")
_SIDE, _TOY = 32, 96
_CHUNK = 256
_NAMED = (
    "plain,structural:input_size=50,pixelate:cells=16,pixelate:cells=12,structural:input_size=32,pixelate:cells=8,"
    "pixelate:cells=20,vectorized:input_size=50,strong,structural:colors=keyed,bend=true,structural:input_size=64,"
    "structural:input_size=42,negative_positive,block_shuffle"
)
_CONFIGS = {str(method): method.config(_SIDE) for method in parse_methods(_NAMED)}
METHODS = {name: dataclasses.replace(deid, output_size=QUICK.trained_size(deid)) for name, deid in _CONFIGS.items()}
"""What is done to images, at the sizes that networks are trained on."""


class Cifar10:
    """Images of all methods.

    Args:
      file: the one file.
      folder: where arrays are kept, with the key.
      toy: take 96 images a split alone.

    Attributes:
      figures: how fast those were made that were asked for, and by what key.
    """

    def __init__(self, file: pathlib.Path, folder: pathlib.Path, toy: bool):
        self._file, self._folder, self._toy = file, folder, toy
        self._begun: dict[tuple[str, str], list[concurrent.futures.Future[tuple[np.ndarray, float]]]] = {}
        self.figures: dict[str, Any] = {}
        folder.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def preparing(self) -> Iterator[None]:
        """Makes what is missing in processes of their own, method by method, while a block runs."""
        self._files = {split: list(self._images(split)) for split in SPLITS}
        key = self._key()
        # Processes begin anew: one that is copied would share locks with threads.
        context = multiprocessing.get_context("spawn")
        pool = concurrent.futures.ProcessPoolExecutor(_processes(), context, _begin, (str(self._folder / "key"),))
        try:
            for name, split in itertools.product(METHODS, SPLITS):
                if not self._path(name, split).exists():
                    jpegs = [jpeg for _, jpeg in self._files[split]]
                    self._begun[name, split] = [
                        pool.submit(_deidentified, METHODS[name], split, start, jpegs[start : start + _CHUNK])
                        for start in range(0, len(jpegs), _CHUNK)
                    ]
            self.figures = {"key_fingerprint": key.fingerprint, "processes": _processes()}
            yield
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def images(self, name: str, split: str) -> np.ndarray:
        """Returns uint8[N, S, S, 3], once they are made."""
        path = self._path(name, split)
        if (name, split) in self._begun:
            made = [chunk.result() for chunk in self._begun[name, split]]
            _save(path, np.concatenate([images for images, _ in made]))
            del self._begun[name, split]
            if split == "train":
                rate = sum(len(images) for images, _ in made) / sum(seconds for _, seconds in made)
                self.figures[f"{name}, images a second of a process"] = round(rate, 1)
        return np.load(path)

    def labels(self, split: str) -> np.ndarray:
        """Returns int32[N]."""
        return np.array([label for label, _ in self._files[split]], np.int32)

    def _path(self, name: str, split: str) -> pathlib.Path:
        return self._folder / f"{name.replace(':', '_')}.{split}.npy"

    def _key(self) -> Key:
        path = self._folder / "key"
        if not path.exists():
            Key.generate().save(path)
        return Key.load(str(path))

    def _images(self, split: str) -> Iterator[tuple[int, bytes]]:
        """Yields label and JPEG file of each image of a split."""
        data = self._file.read_bytes()
        count, size = struct.unpack_from("<II", data, 4)
        head, at, taken = data[12 : 12 + size], 12 + size, 0
        for _ in range(count):
            number, label, length = struct.unpack_from("<BBH", data, at)
            if SPLITS[number] == split and not (self._toy and taken == _TOY):
                taken += 1
                yield label, head + data[at + 4 : at + 4 + length]
            at += 4 + length


def _save(path: pathlib.Path, array: np.ndarray) -> None:
    part = path.with_suffix(".incomplete.npy")
    np.save(part, array)
    part.replace(path)


_key: Key


def _begin(path: str) -> None:
    global _key
    _key = Key.load(path)


@functools.lru_cache(2)
def _deidentifier(config: DeidConfig) -> Deidentifier:
    deidentify = Deidentifier(config, _key)
    deidentify(np.zeros((_SIDE, _SIDE, 3), np.uint8), "")  # Compiles.
    return deidentify


def _deidentified(config: DeidConfig, split: str, start: int, jpegs: list[bytes]) -> tuple[np.ndarray, float]:
    """Returns images and the seconds that they took."""
    deidentify, began = _deidentifier(config), time.perf_counter()
    images = np.stack([deidentify(decode_image(jpeg), f"{split}{start + k}") for k, jpeg in enumerate(jpegs)])
    return images, time.perf_counter() - began


def _processes() -> int:
    return os.cpu_count() or 1
