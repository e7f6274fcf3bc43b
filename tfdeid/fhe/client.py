"""Who has the images: encrypts them, and decrypts the answers."""

from __future__ import annotations

import numpy as np

from tfdeid.errors import DeidError
from tfdeid.fhe.layout import Layout
from tfdeid.fhe.network import Geometry
from tfdeid.fhe.parameters import SCALE, Parameters, loaded, pack, seal, unpack


class Client:
    """Has the secret key, which is made with it and never leaves it.

    Args:
      geometry: of the network's first layer.
      num_classes: logits of an answer.
      parameters: those of the server.

    Attributes:
      batch_size: images that share ciphertexts, and so the server's work.
    """

    def __init__(self, geometry: Geometry, num_classes: int, parameters: Parameters | None = None):
        parameters = parameters or Parameters()
        library, self._geometry, self._num_classes = seal(), geometry, num_classes
        self._layout = Layout(geometry, parameters.slots)
        self.batch_size = self._layout.batch_size
        self._context = parameters.context
        maker = library.KeyGenerator(self._context)
        secret = maker.secret_key()
        self._encoder = library.CKKSEncoder(self._context)
        self._encryptor, self._decryptor = library.Encryptor(self._context, secret), library.Decryptor(self._context, secret)
        rotations = library.GaloisKeys()
        maker.create_galois_keys(self._layout.rotations, rotations)
        self._keys = [maker.create_relin_keys().to_string(), rotations.to_string()]

    def keys(self) -> bytes:
        """Returns what the server computes with: keys to square and to rotate, by which nothing can be decrypted."""
        return pack(self._keys)

    def encrypt(self, images: np.ndarray) -> bytes:
        """Returns a request for uint8[N, S, S, C], N at most `batch_size`.

        Raises:
          DeidError: images are of another size, or too many.
        """
        shape, count = (self._geometry.side, self._geometry.side, self._geometry.channels), len(images)
        if images.shape[1:] != shape or not 0 < count <= self.batch_size:
            raise DeidError(f"images must be 1 to {self.batch_size} of {shape}, they were {count} of {images.shape[1:]}.")
        planes = self._layout.spread(self._geometry.patches(images))
        encrypted = (self._encryptor.encrypt_symmetric(self._encoder.encode(plane, SCALE)) for plane in planes)
        return pack([ciphertext.to_string() for ciphertext in encrypted])

    def decrypt(self, answer: bytes, count: int) -> np.ndarray:
        """Returns logits, float64[count, classes], of the first images of the request.

        Raises:
          DeidError: the answer is damaged or was made under other parameters.
        """
        parts = unpack(answer)
        if len(parts) != 1:
            raise DeidError(f"an answer must be one ciphertext, it has {len(parts)}.")
        ciphertext = loaded(self._context.from_cipher_str, parts[0], "an answer")
        slots = np.asarray(self._encoder.decode(self._decryptor.decrypt(ciphertext)))
        return self._layout.answers(slots, self._num_classes, count)
