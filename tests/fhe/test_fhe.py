"""Encrypted inference beside the network itself, as Keras computes it."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import seal

from tfdeid import DeidError
from tfdeid.fhe.client import Client
from tfdeid.fhe.network import Geometry, Network
from tfdeid.fhe.parameters import SCALE, Parameters, pack, unpack
from tfdeid.fhe.perform import perform
from tfdeid.fhe.server import Server
from tfdeid.models import make_model

SIDE, CHANNELS, CLASSES = 12, 1, 3


def trained(side: int = SIDE, channels: int = CHANNELS) -> keras.Model:
    """Returns a network that is normalized as if it were trained."""
    keras.utils.set_random_seed(0)
    model = make_model("cryptonet", side, channels, CLASSES)
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            count = layer.gamma.shape
            for variable, low, high in (
                (layer.gamma, 0.5, 1.5),
                (layer.beta, -1, 1),
                (layer.moving_mean, -0.1, 0.1),
                (layer.moving_variance, 0.5, 2),
            ):
                variable.assign(random.uniform(low, high, count))
    return model


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return trained()


@pytest.fixture(scope="module")
def small(model) -> Network:
    """Returns the network with few of its filters and hidden numbers: a tenth of the work."""
    network = Network.of(model)
    few, hidden = slice(0, 4), slice(0, 8)
    return dataclasses.replace(
        network,
        first=network.first[:, few],
        first_bias=network.first_bias[few],
        second=network.second[:, few, hidden],
        second_bias=network.second_bias[hidden],
        last=network.last[hidden],
    )


@pytest.fixture(scope="module")
def client(small) -> Client:
    return Client(small.geometry, CLASSES)


@pytest.fixture(scope="module")
def server(small, client) -> Server:
    return Server(small, client.keys())


def images(count: int, side: int = SIDE, channels: int = CHANNELS) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, side, side, channels), np.uint8)


@pytest.mark.parametrize(("side", "channels"), [(12, 1), (13, 3), (32, 3)])
def test_polynomials_are_the_network(side, channels):
    network = trained(side, channels)
    some = images(5, side, channels)
    logits = np.asarray(network(some, training=False))
    np.testing.assert_allclose(Network.of(network).plain(some), logits, atol=1e-4 * abs(logits).max())


def test_answers_are_those_of_the_network(small, client, server):
    some = images(70)
    expected = small.plain(some)
    assert client.batch_size == 64  # 6 x 6 places are 64 of 4,096.
    found = np.concatenate([client.decrypt(server.answer(client.encrypt(part)), len(part)) for part in (some[:64], some[64:])])
    assert found.shape == (70, CLASSES)
    assert abs(found - expected).max() < 0.01
    assert (found.argmax(1) == expected.argmax(1)).mean() > 0.97


def test_only_bytes_pass_and_none_of_them_decrypts(small, client, server):
    keys, request = client.keys(), client.encrypt(images(2))
    assert isinstance(keys, bytes) and isinstance(request, bytes) and isinstance(server.answer(request), bytes)

    def held(owner: object) -> set[str]:
        return {type(value).__name__ for value in vars(owner).values()}

    assert {"Decryptor", "Encryptor"} <= held(client)
    assert not held(server) & {"SecretKey", "Decryptor", "KeyGenerator", "Client", "Encryptor", "PublicKey"}
    # The same image is encrypted otherwise each time.
    assert client.encrypt(images(2)) != request
    other = Client(small.geometry, CLASSES)
    answer = server.answer(request)
    wrong = other.decrypt(answer, 2)
    assert abs(wrong - small.plain(images(2))).min() > 1e3  # To another key it is noise.


def test_a_request_says_nothing_of_the_image(client):
    black, white = np.zeros((1, SIDE, SIDE, CHANNELS), np.uint8), np.full((1, SIDE, SIDE, CHANNELS), 255, np.uint8)
    sizes = {len(unpack(client.encrypt(image), 1 << 28)[0]) for image in (black, white)}
    assert len(sizes) == 1
    words = [np.frombuffer(unpack(client.encrypt(image), 1 << 28)[0][-80_000:], np.uint64) for image in (black, white)]
    assert abs(np.mean(words[0]) / np.mean(words[1]) - 1) < 0.05


@pytest.mark.slow
def test_perform_says_what_it_costs(model):
    some = images(3)
    labels = np.asarray(model(some, training=False)).argmax(1)
    steps = []
    outcome = perform(model, lambda images, size: np.asarray(model(images)), some, labels, steps.append)
    assert steps[0] == len(steps) - 1 == 32 + 128
    assert outcome.same_answers == 3 and outcome.accuracy == outcome.plain_accuracy == 1
    assert outcome.largest_error < 0.005 * outcome.largest_logit
    assert outcome.megabytes["request"] > outcome.megabytes["answer"] > 0.1 and outcome.peak_memory > 100
    assert outcome.to_dict()["seconds_per_image"] == pytest.approx(sum(outcome.seconds.values()) / 64)
    assert "3 of 3 answers are the same" in str(outcome)


@pytest.mark.parametrize(
    ("degree", "bits", "message"),
    [
        (8192, (60, 60, 60, 60), "primes of 240 bits at a degree of 8192 are not secure: for 128 bits .* 218 bits in all"),
        (4096, (31, 26, 26, 26, 31), "primes of 140 bits at a degree of 4096 are not secure"),
        (8000, (31, 26, 31), "not secure"),
        (8192, (), "not secure"),
    ],
)
def test_parameters_that_are_not_secure_are_refused(degree, bits, message):
    with pytest.raises(DeidError, match=message):
        Parameters(degree, bits)


def test_security_is_that_of_seal():
    context = Parameters().context
    assert context.key_context_data().qualifiers().sec_level == seal.sec_level_type.tc128
    assert sum(Parameters().bits) <= seal.CoeffModulus.MaxBitCount(8192) and SCALE == 2**26


def test_mistakes(small, client, server):
    others = Parameters(16384, (31, 26, 26, 26, 26, 26, 26, 31))
    other = Client(small.geometry, CLASSES, others)
    with pytest.raises(DeidError, match="the key to square is damaged, or was made under other parameters"):
        Server(small, other.keys())
    with pytest.raises(DeidError, match="a request is damaged, or was made under other parameters"):
        server.answer(other.encrypt(images(1)))
    with pytest.raises(DeidError, match=r"images must be 1 to 64 of \(12, 12, 1\), they were 1 of \(13, 13, 1\)"):
        client.encrypt(images(1, 13))
    with pytest.raises(DeidError, match="images must be 1 to 64"):
        client.encrypt(images(65))
    with pytest.raises(DeidError, match="a request must have 25 ciphertexts, it has 2"):
        server.answer(pack([b"one", b"two"]))
    request = client.encrypt(images(1))
    for damaged in (request[:-7], request[:3], b"\xff" * 40, request[:20] + b"\0\0\0" + request[23:]):
        with pytest.raises(DeidError, match="damaged"):
            server.answer(damaged)
    with pytest.raises(DeidError, match="an answer is damaged|a message is damaged|an answer must be"):
        client.decrypt(request[:-7], 1)
    with pytest.raises(DeidError, match="an image of 200 pixels a side has 10000 places, and a ciphertext 4096"):
        Client(Geometry(200, 3, 5, 2), CLASSES)


@pytest.mark.parametrize("name", ["small", "resnet9"])
def test_a_network_that_is_no_polynomial_is_refused(name):
    with pytest.raises(DeidError, match=rf"must be polynomials, and {name} has \w+: train --model cryptonet"):
        Network.of(make_model(name, 32, 3, 10))


def test_messages_come_back_as_they_were_sent():
    parts = [b"", b"a", bytes(10_000), np.random.default_rng(0).bytes(1000)]
    assert unpack(pack(parts), 10_000) == parts
    with pytest.raises(DeidError, match="has more than 9999 bytes"):
        unpack(pack(parts), 9_999)
