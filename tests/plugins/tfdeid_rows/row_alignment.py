"""An attacker of row_shift: neighbouring rows look alike, so that each can be moved back to where it matches the last."""

from __future__ import annotations

import numpy as np

from tfdeid.attack.base import Attacker, DeidConfig, Image, Recovery, View


class RowAlignment(Attacker):
    """Moves each band of rows to where it correlates best with the row above: for all records at once if they share shifts."""

    name = "row_alignment"
    about = "moves each row back to where it looks most like the one above"

    def suits(self, config: DeidConfig) -> bool:
        return config.scheme == "row_shift"

    def __call__(self, view: View) -> Recovery:
        size, rows = view.config.input_size, view.config.options.rows
        places = ((np.arange(size) + 0.5) * view.records.shape[1] / size).astype(int)
        small = view.records[:, places][:, :, places].astype(np.float64)
        likeness = _likeness(small)
        if view.config.key_scope == "dataset":
            likeness = np.broadcast_to(likeness.sum(0), likeness.shape)
        # Within a band there is no shift between rows.
        steps = np.where(np.arange(1, size) % rows, 0, likeness.argmax(2))
        shifts = np.pad(np.cumsum(steps, 1), ((0, 0), (1, 0)))
        moved = np.stack([_moved_back(image, shift) for image, shift in zip(small, shifts, strict=True)])
        shifts = shifts + _whole_shift(moved, np.stack(view.public).astype(np.float64))
        scale = view.records.shape[1] / size
        whole = np.rint(np.repeat(shifts, np.diff(_edges(size, view.records.shape[1])), 1) * scale).astype(int)
        return Recovery(np.stack([_moved_back(image, shift) for image, shift in zip(view.records, whole, strict=True)]))


def _likeness(images: np.ndarray) -> np.ndarray:
    """Returns float64[N, H - 1, W]: how alike each row is to the one above after each shift."""
    spectra = np.fft.rfft(images - images.mean(2, keepdims=True), axis=2)
    return np.fft.irfft(np.conj(spectra[:, :-1]) * spectra[:, 1:], images.shape[2], axis=2).sum(3)


def _whole_shift(images: np.ndarray, public: np.ndarray) -> int:
    """Returns by how much whole images are to be moved so that there is most to see where there is in public images."""
    theirs, usual = (np.square(several - several.mean(2, keepdims=True)).mean((0, 1, 3)) for several in (images, public))
    return int(np.fft.irfft(np.conj(np.fft.rfft(usual)) * np.fft.rfft(theirs), len(usual)).argmax())


def _moved_back(image: Image, shifts: np.ndarray) -> Image:
    columns = (np.arange(image.shape[1]) + shifts[:, None]) % image.shape[1]
    return image[np.arange(image.shape[0])[:, None], columns]


def _edges(size: int, whole: int) -> np.ndarray:
    return np.rint(np.arange(size + 1) * whole / size).astype(int)
