"""Augmentation on each of Keras's backends that is installed, in processes of their own: Keras has one backend a process."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import ROOT
from tfdeid.data import RandomAffine

# JAX comes with what tests want; torch is tested where somebody has installed it.
BACKENDS = ["jax", *(["torch"] if importlib.util.find_spec("torch") else [])]
# Warps of bytes and of floats, of the whole process and of a compiled function, in fit, and in a tf.data pipeline.
PROGRAM = """
import sys
import keras
import numpy as np
from tfdeid.data import RandomAffine
assert "tensorflow" not in sys.modules
images = np.load(sys.argv[1])
augment = RandomAffine(30, 0.2, fill=9, seed=0)
give = keras.ops.convert_to_numpy
found = {"bytes": give(augment(images, seed=(4, 5))), "floats": give(augment(images.astype("float32"), seed=(4, 5)))}
found["matrices"] = give(augment.matrices(images.shape, (4, 5)))
if keras.backend.backend() == "jax":
    import jax
    found["compiled"] = give(jax.jit(lambda images, step: augment(images, seed=(4, step)))(images, 5))
model = keras.Sequential([augment, keras.layers.Flatten(), keras.layers.Dense(2)])
model.compile("sgd", "mse")
model.fit(images.astype("float32") / 255, np.zeros((len(images), 2)), verbose=0)
import tensorflow as tf
data = tf.data.Dataset.from_tensor_slices(images).batch(len(images))
found["pipeline"] = next(iter(data.map(lambda images: augment(images, seed=(4, 5))))).numpy()
try:
    data.map(augment)
except Exception as error:  # TensorFlow has its own class for what goes wrong in a pipeline.
    assert "needs a seed" in str(error)
else:
    raise AssertionError("no error")
np.savez(sys.argv[2], **found)
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_all_backends_give_the_same_warps(backend, tmp_path):
    images = np.random.RandomState(0).randint(0, 256, (6, 33, 20, 3)).astype(np.uint8)
    np.save(tmp_path / "images.npy", images)
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    files = [str(tmp_path / "images.npy"), str(tmp_path / "found.npz")]
    subprocess.run([sys.executable, "-c", PROGRAM, *files], env=environment, check=True)
    found = np.load(files[1])
    augment = RandomAffine(30, 0.2, fill=9)
    np.testing.assert_allclose(found["matrices"], augment.matrices(images.shape, (4, 5)).numpy(), atol=1e-5)
    floats = augment(images.astype(np.float32), seed=(4, 5)).numpy()
    # Places are known to some 1e-5 of a pixel, and neighbours are up to 255 levels apart.
    np.testing.assert_allclose(found["floats"], floats, atol=0.02)
    for name in set(found) - {"floats", "matrices"}:
        apart = np.abs(found[name].astype(int) - augment(images, seed=(4, 5)).numpy())
        assert apart.max() <= 1 and (apart != 0).mean() < 1e-3, name
