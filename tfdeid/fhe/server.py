"""Who has the network: computes on what it can't read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tfdeid.errors import DeidError
from tfdeid.fhe.layout import Layout
from tfdeid.fhe.network import Network
from tfdeid.fhe.parameters import Parameters, loaded, pack, seal, unpack


class Server:
    """Answers requests. Has no secret key.

    Args:
      network: with its weights in the clear.
      keys: what `Client.keys` gave.
      parameters: those of the client.

    Raises:
      DeidError: the keys are damaged, or were made under other parameters.
    """

    def __init__(self, network: Network, keys: bytes, parameters: Parameters | None = None):
        parameters = parameters or Parameters()
        library, self._network = seal(), network
        self._layout = Layout(network.geometry, parameters.slots)
        if network.last.shape[1] > self._layout.most_classes:
            raise DeidError(
                f"an answer has room for {self._layout.most_classes} classes, the network has {network.last.shape[1]}."
            )
        self._context = parameters.context
        self._encoder, self._evaluator = library.CKKSEncoder(self._context), library.Evaluator(self._context)
        parts = unpack(keys)
        if len(parts) != 2:
            raise DeidError(f"keys must be two, there are {len(parts)}.")
        self._squaring = loaded(self._context.from_relin_str, parts[0], "the key to square")
        self._rotating = loaded(self._context.from_galois_str, parts[1], "the key to rotate")

    def answer(self, request: bytes, progress: Callable[[], object] = lambda: None) -> bytes:
        """Returns encrypted logits of a request's images.

        Args:
          request: what `Client.encrypt` gave.
          progress: called some `steps` times.

        Raises:
          DeidError: the request is damaged, or was made under other parameters or for another network.
        """
        parts = unpack(request)
        if len(parts) != self._network.geometry.planes:
            raise DeidError(f"a request must have {self._network.geometry.planes} ciphertexts, it has {len(parts)}.")
        planes = [loaded(self._context.from_cipher_str, part, "a request") for part in parts]
        seen = []
        for weights, bias in zip(self._network.first.T, self._network.first_bias, strict=True):
            seen.append(self._square(self._sum(planes, weights, bias)))
            progress()
        hidden = []
        for k, bias in enumerate(self._network.second_bias):
            total = self._sum(seen, self._layout.spread(self._network.second[:, :, k].T[:, :, None]), None)
            hidden.append(self._square(self._added(self._over_places(total), bias)))
            progress()
        # Each logit in the place of its class: hidden numbers are the same in all places.
        logits = self._sum(hidden, self._layout.spread_answer(self._network.last), None)
        (bias_of_each,) = self._layout.spread_answer(self._network.last_bias[None])
        return pack([self._added(logits, bias_of_each).to_string()])

    @property
    def steps(self) -> int:
        """Calls of `progress` an answer."""
        return len(self._network.first_bias) + len(self._network.second_bias)

    def _sum(self, ciphertexts: list[Any], weights: Any, bias: float | None) -> Any:
        """Returns the weighted sum of ciphertexts, at the scale that they have."""
        total: Any = None
        # At the scale of the prime that rescaling takes away, weights leave the scale as it is.
        scale = float(self._primes(ciphertexts[0])[-1])
        for ciphertext, weight in zip(ciphertexts, weights, strict=True):
            plain = self._encoded(weight, scale, ciphertext)
            if plain.is_zero():
                continue  # SEAL takes no product that is nothing.
            term = self._evaluator.multiply_plain(ciphertext, plain)
            if total is None:
                total = term
            else:
                self._evaluator.add_inplace(total, term)
        if total is None:
            raise DeidError("a network whose weights are all 0 can't be computed.")
        self._evaluator.rescale_to_next_inplace(total)
        return total if bias is None else self._added(total, bias)

    def _square(self, ciphertext: Any) -> Any:
        squared = self._evaluator.square(ciphertext)
        self._evaluator.relinearize_inplace(squared, self._squaring)
        self._evaluator.rescale_to_next_inplace(squared)
        return squared

    def _over_places(self, ciphertext: Any) -> Any:
        """Returns the sum over all places, in each of them."""
        for step in self._layout.rotations:
            self._evaluator.add_inplace(ciphertext, self._evaluator.rotate_vector(ciphertext, step, self._rotating))
        return ciphertext

    def _added(self, ciphertext: Any, values: float | np.ndarray) -> Any:
        self._evaluator.add_plain_inplace(ciphertext, self._encoded(values, ciphertext.scale(), ciphertext))
        return ciphertext

    def _encoded(self, values: float | np.ndarray, scale: float, ciphertext: Any) -> Any:
        plain = self._encoder.encode(values if isinstance(values, np.ndarray) else float(values), scale)
        self._evaluator.mod_switch_to_inplace(plain, ciphertext.parms_id())
        return plain

    def _primes(self, ciphertext: Any) -> list[int]:
        level = self._context.get_context_data(ciphertext.parms_id())
        return [modulus.value() for modulus in level.parms().coeff_modulus()]
