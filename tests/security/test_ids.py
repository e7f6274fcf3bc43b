"""Ids tell nothing without the key."""

from __future__ import annotations

import hashlib
import hmac
import itertools
from collections.abc import Iterator

from tests.security.place import stored_ids
from tfdeid import Key
from tfdeid.data.sources import SourceConfig, open_source


def unkeyed(source_id: str, index: int, split: str, name: str, fingerprint: str) -> Iterator[str]:
    """Yields what somebody could compute of a source's example without the key: hashes, and HMACs under what is public."""
    for named, separator in itertools.product((source_id, str(index)), ("", "/", ":", "_", "-", "|", ",", " ", "\0", "\n")):
        for parts in ((named,), (split, named), (name, named), (name, split, named), ("tfdeid", name, split, named)):
            yield from digests(separator.join(parts).encode(), fingerprint)
    lengths = b"".join(len(part).to_bytes(8, "big") + part.encode() for part in (name, split, source_id))
    yield from digests(lengths, fingerprint)


def digests(message: bytes, fingerprint: str) -> Iterator[str]:
    for kind in ("md5", "sha1", "sha256", "sha512", "blake2b", "sha3_256"):
        yield hashlib.new(kind, message).hexdigest()
        for key in (b"", b"tfdeid", fingerprint.encode(), bytes.fromhex(fingerprint)):
            yield hmac.new(key, message, kind).hexdigest()


def ids_of(key: Key, limit: int = 6) -> dict[str, tuple[str, int, str]]:
    """Returns record id -> (source id, index, split) of the sample's first examples."""
    source = open_source(SourceConfig(limit=limit))
    examples = ((split, e) for split, size in source.splits.items() for e in source.read(split, 0, size))
    record_id = source.record_ids(key, 2)
    return {record_id(split, e): (e.source_id, e.index, split) for split, e in examples}


def test_ids_are_128_bits_that_only_the_key_links_to_the_source(two_workers):
    place, _ = two_workers
    key = Key.load(place.key_path)
    found = stored_ids(place)
    assert found == set(ids_of(key)) and len(found) == 12
    assert all(len(name) == 32 and int(name, 16) >= 0 and name == name.lower() for name in found)
    for source_id, index, split in ids_of(key).values():
        for guess in unkeyed(source_id, index, split, "lfw_subset", key.fingerprint):
            assert not {name for name in found if name in guess}


def test_ids_under_two_keys_share_nothing():
    a, b = (set(ids_of(Key.generate(), limit=100)) for _ in range(2))
    assert len(a) == len(b) == 140 and not a & b
    # 8 digits in common at the same or another place would be no accident.
    pieces = [{name[k : k + 8] for name in ids for k in range(25)} for ids in (a, b)]
    assert len(pieces[0] & pieces[1]) <= 1
