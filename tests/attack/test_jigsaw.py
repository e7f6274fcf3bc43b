"""Jigsaws are put together: exactly where many records have one order, and in part from one alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.attack.made import SIDE
from tfdeid import DeidConfig, Key
from tfdeid.attack.adversaries import ADVERSARIES
from tfdeid.attack.attackers.jigsaw import Jigsaw
from tfdeid.attack.case import make_case
from tfdeid.attack.engine import attack
from tfdeid.attack.jigsaw import Borders, changes
from tfdeid.schemes.blocks import join_blocks, split_blocks
from tfdeid.schemes.etc import Etc
from tfdeid.ssim import ssim

KEY = Key("j" * 44)


def case_of(images: np.ndarray, scheme: str, cells: int, count: int = 60, **values):
    config = DeidConfig(scheme, SIDE, 48, cells=cells, **values)
    return make_case(list(images[:count]), [], list(images[count : count + 300]), [], config, KEY)


@pytest.mark.parametrize("channels", [1, 3])
def test_undoing_a_change_undoes_it(channels):
    """Each of all changes, as the scheme makes it, is undone by the one that is like it."""
    image = np.random.RandomState(0).randint(0, 256, (8, 8, channels), np.uint8)
    scheme = Etc(DeidConfig("etc", 8, 8, cells=2), KEY)
    mask = scheme._masks.mask_for(image, None)
    known = changes(channels)
    assert len(known) == 16 * (6 if channels == 3 else 1) and known[0].undo(image).tobytes() == image.tobytes()
    blocks = split_blocks(scheme.encrypt(image), 2)
    for place, block in enumerate(mask.order):
        change = known[0]._replace(
            turn=int(mask.turn[place]), negative=int(mask.negative[place]), order=int(mask.channels[place])
        )
        assert change in known
        np.testing.assert_array_equal(change.undo(blocks[place]), split_blocks(image, 2)[block])


@pytest.mark.parametrize("cells", [4, 8])
def test_one_order_for_all_is_found_exactly(tiles, cells):
    case = case_of(tiles, "block_permute", cells)
    (found,) = attack(case, ["jigsaw"]).recoveries
    assert found.ssim.mean > 0.99
    assert Jigsaw()(case.view).images.shape == case.view.records.shape


@pytest.mark.parametrize("channels", [1, 3])
def test_turns_negatives_and_channels_are_found_but_for_those_of_the_whole(tiles, channels):
    images = tiles[:150, ..., :channels]
    scheme = Etc(DeidConfig("etc", SIDE, SIDE), KEY)
    blocks, known = split_blocks(np.stack([scheme.encrypt(image) for image in images]), 4), changes(channels)
    order, change = Borders(blocks, known).assemble(4)
    laid = join_blocks(np.stack([known[of].undo(blocks[:, block]) for block, of in zip(order, change, strict=True)], axis=1))
    assert max(np.mean(whole.undo(laid) == images) for whole in known) == 1


def test_an_order_for_each_is_found_in_part(tiles):
    findings = attack(case_of(tiles, "block_permute", 2, 20, key_scope="image"), ["published", "jigsaw"])
    assert findings.recoveries[1].ssim.mean > findings.published.mean + 0.2


def test_the_key_undoes_both(tiles):
    for name in ("block_permute", "etc"):
        (known,) = attack(case_of(tiles, name, 4), ["key_known"]).recoveries
        assert known.ssim.mean > 0.95


def test_nothing_but_the_records_helps(tiles):
    view = case_of(tiles, "etc", 4, 20).view
    noise = np.random.RandomState(1).randint(0, 256, view.records.shape, np.uint8)
    found = Jigsaw()(dataclasses.replace(view, records=noise)).images
    assert np.mean([ssim(*pair) for pair in zip(found, view.records, strict=True)]) < 0.1
    alone = Jigsaw()(dataclasses.replace(view, public=[])).images
    assert alone.shape == view.records.shape
    assert not ADVERSARIES["jigsaw"]().suits(DeidConfig("pixelate"))
