"""A network as polynomials with their weights: what a server computes on encrypted images."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from tfdeid.errors import DeidError

if TYPE_CHECKING:
    import keras

# The layers of `--model cryptonet`, from the image on.
_LAYERS = (
    *("InputLayer", "Rescaling", "Conv2D", "BatchNormalization", "Multiply", "Flatten"),
    *("Dense", "BatchNormalization", "Multiply", "Dense", "Activation"),
)


@dataclasses.dataclass(frozen=True)
class Geometry:
    """What a client must know of a network: how its first layer looks at an image.

    Attributes:
      side: pixels a side of an image.
      channels: 1 or 3.
      kernel: pixels a side of what the first layer looks at.
      stride: pixels from one such place to the next.
    """

    side: int
    channels: int
    kernel: int
    stride: int

    @property
    def places(self) -> int:
        """Places a side that the first layer looks at."""
        return -(-self.side // self.stride)

    @property
    def planes(self) -> int:
        """Numbers that it looks at in each place."""
        return self.kernel**2 * self.channels

    def patches(self, images: np.ndarray) -> np.ndarray:
        """Returns float64[planes, places * places, N] for uint8[N, side, side, channels], as Keras pads and rescales them."""
        places, reach = self.places, (self.places - 1) * self.stride + self.kernel
        before = max(0, reach - self.side) // 2
        after = max(0, reach - self.side) - before
        scaled = np.pad(images / 127.5 - 1, [(0, 0), (before, after), (before, after), (0, 0)])
        windows = np.lib.stride_tricks.sliding_window_view(scaled, (self.kernel, self.kernel), (1, 2))
        windows = windows[:, :: self.stride, :: self.stride][:, :places, :places]  # [N, y, x, channel, row, column]
        return windows.transpose(4, 5, 3, 1, 2, 0).reshape(self.planes, places**2, len(images))


@dataclasses.dataclass(frozen=True)
class Network:
    """Convolution, square, dense, square, dense; normalization is part of the weights.

    Attributes:
      geometry: of the convolution.
      first, first_bias: float64[planes, F] and float64[F].
      second, second_bias: float64[places * places, F, H] and float64[H].
      last, last_bias: float64[H, C] and float64[C].
    """

    geometry: Geometry
    first: np.ndarray
    first_bias: np.ndarray
    second: np.ndarray
    second_bias: np.ndarray
    last: np.ndarray
    last_bias: np.ndarray

    @classmethod
    def of(cls, model: keras.Model) -> Network:
        """Returns a trained network of `--model cryptonet`.

        Raises:
          DeidError: it is another one.
        """
        found = tuple(type(layer).__name__ for layer in model.layers)
        if found != _LAYERS:
            odd = next((name for name in found if name not in _LAYERS), "another order of layers")
            raise DeidError(
                f"what is computed on encrypted images must be polynomials, and {model.name} has {odd}: train --model "
                "cryptonet."
            )
        _, _, convolution, norm, _, _, dense, other_norm, _, last, _ = model.layers
        geometry = Geometry(model.input_shape[1], model.input_shape[3], convolution.kernel_size[0], convolution.strides[0])
        kernel = np.asarray(convolution.kernel, np.float64)
        first, first_bias = _folded(kernel.reshape(-1, kernel.shape[-1]), convolution, norm)
        second, second_bias = _folded(np.asarray(dense.kernel, np.float64), dense, other_norm)
        second = second.reshape(geometry.places**2, first.shape[1], -1)
        weights, bias = (np.asarray(value, np.float64) for value in (last.kernel, last.bias))
        larger = _larger(weights)
        return cls(geometry, first, first_bias, larger * second, larger * second_bias, weights / larger**2, bias)

    def plain(self, images: np.ndarray) -> np.ndarray:
        """Returns logits, float64[N, C], for uint8[N, side, side, channels]: what decrypted answers come close to."""
        seen = np.tensordot(self.geometry.patches(images), self.first, (0, 0)) + self.first_bias  # [place, N, F]
        hidden = np.einsum("pnf,pfh->nh", seen**2, self.second, optimize=True) + self.second_bias
        return hidden**2 @ self.last + self.last_bias


def _larger(last: np.ndarray) -> float:
    """Returns by how much hidden numbers are made larger, and the weights of their squares smaller; logits stay the same.

    CKKS adds noise of one size to numbers and to weights, whatever these are. In logits it is least where the largest of the
    last weights is about 2 ** -7: on a trained network it was a sixth there of what it is with weights as they are.
    """
    largest = float(np.abs(last).max())
    return 2.0 ** round(np.log2(largest * 2**7) / 2) if largest else 1.0


def _folded(weights: np.ndarray, layer: Any, norm: Any) -> tuple[np.ndarray, np.ndarray]:
    """Returns weights and bias of a layer and the batch normalization after it, which at inference is a factor and a shift."""
    gamma, beta, mean, variance = (
        np.asarray(value, np.float64) for value in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
    )
    factor = gamma / np.sqrt(variance + norm.epsilon)
    bias = np.asarray(layer.bias, np.float64) if layer.use_bias else 0.0
    return weights * factor, (bias - mean) * factor + beta
