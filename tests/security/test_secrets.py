"""Neither the key nor its warp table is in anything that a run shows, sends or leaves."""

from __future__ import annotations

import io
import os
import pickle
import stat
import traceback
from collections.abc import Iterable

import apache_beam
import numpy as np
import pytest
from apache_beam.internal import pickler
from apache_beam.options.pipeline_options import PipelineOptions
from PIL import Image

from beam import deid, shards
from beam.pipeline import FinishDataset, WriteShard
from beam.transforms import DeidentifyFn
from tests.security.forms import Secrets
from tests.security.place import SMALL, Place, check, is_shard, parts_of_records, stored_ids
from tfdeid import DeidConfig, Deidentifier, DeidError, Key
from tfdeid.data.sources import open_source
from tfdeid.image import to_grayscale
from tfdeid.schemes.keystream import KeyStream
from tfdeid.schemes.structural import PositionOPE, vectorize
from tfdeid.schemes.structural.scheme import Structural

_UNPICKLED = ("pickle", "a PositionOPE holds the key's table and is never pickled")


def test_a_run_with_two_workers_shows_and_leaves_no_secret(two_workers):
    place, artefacts = two_workers
    key = Key.load(place.key_path)
    check(Secrets(key), artefacts)
    for expected in ("stdout", "metadata.json", "_shards", ".log", "record 0", "once in", "dataset_info.json"):
        assert any(expected in name for name in artefacts), expected
    assert key.fingerprint.encode() in artefacts["stdout"]


def test_what_a_run_is_for_the_owner_alone_is_readable_by_the_owner_alone(two_workers):
    place, _ = two_workers
    files = [path for path in (place.root / "XDG_STATE_HOME").rglob("*") if path.is_file()]
    assert files
    for path in {*files, *(path.parent for path in files)}:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert stat.S_IMODE(place.key_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.key_path.parent.stat().st_mode) == 0o700


def test_a_run_with_a_corrupt_image_sends_and_leaves_no_secret(place, tmp_path, monkeypatch, capfd):
    (tmp_path / "scans" / "a").mkdir(parents=True)
    for k in range(4):
        pixels = np.random.RandomState(k).randint(0, 256, (20, 20, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "scans" / "a" / f"{k}.png")
    (tmp_path / "scans" / "a" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    sent, run = {}, apache_beam.Pipeline.run

    def spy(self, *arguments):
        sent["proto"] = self.to_runner_api().SerializeToString()
        sent["readable proto"] = str(self.to_runner_api())
        sent["options"] = repr(self._options.get_all_options()) + repr(vars(self._options))
        return run(self, *arguments)

    monkeypatch.setattr(apache_beam.Pipeline, "run", spy)
    monkeypatch.setenv("TFDEID_KEY", place.key_path.read_text())
    options = ("--runner=FnApiRunner", f"--output_dir={tmp_path / 'out'}", "--key=env:TFDEID_KEY", *SMALL)
    assert deid.run([f"--dataset=folder:{tmp_path / 'scans'}", *options]) == 1
    said = capfd.readouterr()
    artefacts = {"stdout": said.out, "stderr": said.err, **sent, **place.files()}
    assert any("failures" in name for name in artefacts) and len(sent["proto"]) > 1000
    check(Secrets(Key.load(place.key_path)), artefacts)


def with_locals(error: BaseException) -> str:
    """Returns tracebacks as a debugger or a service that collects errors would show them, with all variables."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def test_a_run_that_ends_in_an_error_shows_no_secret(place, monkeypatch, capfd):
    def fail(self, image, image_id=None):
        moved = self.position_ope(image_id)(vectorize(image, self._options))
        raise ZeroDivisionError(f"painting {moved} of {self.position_ope(image_id)}")

    monkeypatch.setattr("tfdeid.schemes.structural.scheme.Structural.__call__", fail)
    monkeypatch.setattr(deid, "_compile_kernels", lambda *_: None)  # So that it is a worker that fails.
    options = ("--runner=FnApiRunner", f"--output_dir={place.root / 'out'}", f"--key={place.key_path}", *SMALL)
    with pytest.raises(ZeroDivisionError) as caught:
        deid.run(options)
    said = capfd.readouterr()
    shown = "".join(traceback.format_exception(caught.value))
    assert "painting VectorImage(" in shown and "moved = VectorImage(" in with_locals(caught.value)
    artefacts = {"stdout": said.out, "stderr": said.err, "traceback": shown, "variables": with_locals(caught.value)}
    check(Secrets(Key.load(place.key_path)), {**artefacts, **place.files()})


def test_variables_of_an_error_in_the_encryption_show_no_table():
    key = Key.generate()
    encryption = PositionOPE(key)
    encryption.encrypt(np.arange(600) / 10)  # One after the other: only a run of them is searched for.
    with pytest.raises(DeidError, match="coordinates must be at most") as caught:
        encryption.encrypt(np.array([5000.0]))
    check(Secrets(key), {"variables": with_locals(caught.value)})


MODES = [{"axes": "independent"}, {"key_scope": "pool:2", "axes": "independent"}, {"key_scope": "image"}]


def secrets_of_mode(key: Key, config: DeidConfig, ids: Iterable[str]) -> Secrets:
    """Returns the secrets of some images in a mode: their tables, and the keys that these are made with."""
    scheme, labels = Structural(config, key), []
    if config.key_scope == "image":
        labels = [f"image {config.image_label(image_id)}" for image_id in ids]
    elif config.pool_size:
        tables = [config.image_label(f"{index}") for index in range(config.pool_size)]
        labels = [f"table {table} of a pool of {config.pool_size}" for table in tables]
    derived = {label: key.derive(f"structural v1, {label}") for label in labels}
    if config.axes == "independent":
        parents = derived or {"all": key}
        derived |= {f"{name}, {axis}": k.derive(f"structural v1, axis {axis}") for name, k in parents.items() for axis in "xy"}
    encryptions = {f"image {image_id}": scheme.position_ope(image_id) for image_id in ids}
    return Secrets(key, high=26.0, derived=derived, encryptions=encryptions)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: "_".join(mode.values()))
def test_no_table_of_a_mode_is_shown_or_left(place, capfd, mode):
    key, config = Key.load(place.key_path), DeidConfig(input_size=24, output_size=64, **mode)
    options = ("--runner=FnApiRunner", f"--output_dir={place.root / 'out'}", f"--key={place.key_path}", *SMALL, "--limit=2")
    assert deid.run([*options, *(f"--{name}={value}" for name, value in mode.items())]) == 0
    said = capfd.readouterr()
    scheme, ids = Structural(config, key), sorted(stored_ids(place))
    image = np.random.RandomState(0).randint(0, 256, (24, 24, 3), np.uint8)
    with pytest.raises(DeidError, match="coordinates must be at most") as caught:
        drawing = vectorize(image, "default")
        scheme.position_ope(ids[0])(drawing.replace(width=5000.0))
    shown = {"variables": with_locals(caught.value), "repr": repr((scheme, scheme.position_ope(ids[0]), vars(scheme)))}
    secrets = secrets_of_mode(key, config, ids)
    check(secrets, {"stdout": said.out, "stderr": said.err, **shown, **place.files()})
    for holder in (scheme, scheme.position_ope(ids[0])):
        with pytest.raises(TypeError, match=_UNPICKLED[isinstance(holder, PositionOPE)]):
            pickle.dumps(holder)
    # Derived here anew, so that a search that forgets them is noticed.
    derived = key.derive(f"structural v1, image {ids[0]}, input size 24") if mode.get("key_scope") == "image" else key
    if mode.get("key_scope") == "pool:2":
        derived = key.derive("structural v1, table 0, input size 24 of a pool of 2")
    if mode.get("axes") == "independent":
        derived = derived.derive("structural v1, axis y")
    leaks = {
        "a table": pickle.dumps(scheme.position_ope(ids[0]).encrypt_y(np.arange(60) / 10).tolist()),
        "a key": derived.material,
    }
    assert all(secrets.found_in(leak) for leak in leaks.values())


def numbers_of_images(key: Key, config: DeidConfig, ids: Iterable[str]) -> dict[str, bytes]:
    """Returns the forms that an image's draws may have got anywhere in: as drawn, as numbers, as an array, as their subkey."""
    found = {}
    for label in [f"{what} of image {config.image_label(image_id)}" for image_id in ids for what in ("bend", "levels")]:
        drawn = KeyStream(key, f"structural v1, {label}").shares(4)
        found |= {f"subkey, {label}": key.subkey(f"structural v1, {label}"), f"array, {label}": drawn[:2].tobytes()}
        for number in (*drawn.tolist(), *(2 * drawn - 1).tolist()):
            found[f"{number}, {label}"] = repr(number).encode()
    return found


def test_draws_of_images_are_not_shown_or_left_but_colours_are_no_secret(place, capfd):
    key, config = Key.load(place.key_path), DeidConfig(input_size=24, output_size=64, colors="keyed", bend=True)
    options = ("--runner=FnApiRunner", f"--output_dir={place.root / 'out'}", f"--key={place.key_path}", *SMALL, "--limit=2")
    assert deid.run([*options, "--colors=keyed", "--bend"]) == 0
    said = capfd.readouterr()
    scheme, ids = Structural(config, key), sorted(stored_ids(place))
    image = np.random.RandomState(0).randint(0, 256, (24, 24, 3), np.uint8)
    with pytest.raises(DeidError, match="coordinates must be at most") as caught:
        scheme.position_ope()(scheme.drawing(image, ids[0]).replace(width=5000.0))
    holders = (scheme, scheme._bend, scheme._recolor)
    shown = {"variables": with_locals(caught.value), "repr": repr((holders, [vars(holder) for holder in holders]))}
    artefacts = {"stdout": said.out, "stderr": said.err, **shown, **place.files()}
    check(Secrets(key, high=26.0), artefacts)
    secrets = numbers_of_images(key, config, ids)
    for name, content in artefacts.items():
        data = content.encode() if isinstance(content, str) else content
        assert not [secret for secret, form in secrets.items() if form in data], name
    for holder in holders:
        with pytest.raises(TypeError, match=_UNPICKLED[isinstance(holder, PositionOPE)]):
            pickle.dumps(holder)
    record = next(parts for path in place.root.rglob("*") if is_shard(path) for parts in list(parts_of_records(path))[1::2])
    grays = to_grayscale(scheme._recolor.palette[None]).ravel().tolist()  # The sample is gray.
    assert sum(record.count(gray) for gray in grays) > len(record) / 3


def test_an_encrypted_image_shows_none_of_its_numbers():
    image = np.random.RandomState(0).randint(0, 256, (24, 24, 3), np.uint8)
    moved = PositionOPE(Key.generate())(vectorize(image, "default"))
    assert repr(moved) == f"VectorImage({moved.num_paths} paths, {len(moved.points)} points)"


def test_what_is_sent_to_workers_holds_no_secret(place):
    key = Key.load(place.key_path)
    run_options, source_config, config, beam_argv = deid_options(place)
    source = open_source(source_config)
    job = deid._make_job(run_options, source_config, source, config, key, str(place.key_path))
    tasks = deid.plan_shards(job, source, key)
    sent = [job, tasks, WriteShard(job), FinishDataset(job, tasks, 0.0), DeidentifyFn(config, str(place.key_path)), source]
    artefacts = {f"pickle of {type(thing).__name__}": pickle.dumps(thing) for thing in sent}
    artefacts |= {f"Beam's pickle of {type(thing).__name__}": pickler.dumps(thing) for thing in sent}
    artefacts |= {f"repr of {type(thing).__name__}": repr(thing) for thing in (*sent, Deidentifier(config, key), key)}
    artefacts["options"] = repr(PipelineOptions(beam_argv).get_all_options())
    check(Secrets(key), artefacts)
    assert str(place.key_path).encode() in pickle.dumps(job)
    for holder in (key, Deidentifier(config, key), PositionOPE(key)):
        with pytest.raises(TypeError, match=_UNPICKLED[isinstance(holder, PositionOPE)]):
            pickle.dumps(holder)


def deid_options(place: Place):
    from beam import options

    return options.parse([f"--key={place.key_path}", f"--output_dir={place.root / 'out'}", *SMALL])


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
def test_a_shard_is_for_its_owner_alone_until_it_is_whole(tmp_path, monkeypatch, file_format, umask, mode):
    seen, write = [], shards._write_records

    def watched(name, records, file_format):
        def watch():
            for record in records:
                seen.extend(stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir())
                yield record

        write(name, watch(), file_format)
        seen.append(stat.S_IMODE(os.stat(name).st_mode))

    monkeypatch.setattr(shards, "_write_records", watched)
    before = os.umask(umask)
    try:
        shards._write_file(shards.epath.Path(tmp_path / "shard"), [b"a", b"b"], file_format)
    finally:
        os.umask(before)
    assert seen == [0o600] * 3
    assert [(path.name, stat.S_IMODE(path.stat().st_mode)) for path in tmp_path.iterdir()] == [("shard", mode)]


# Record ids.


def test_the_search_finds_what_a_leak_would_leave(two_workers):
    """Puts the key and the table where a mistake would, and finds them."""
    place, artefacts = two_workers
    key = Key.load(place.key_path)
    secrets, table = Secrets(key), PositionOPE(key).encrypt(np.arange(100) / 10)
    file = io.BytesIO()
    np.save(file, table)
    leaks = {
        "a log": artefacts["stdout"] + key.material,
        "options": repr({"key": key.material.decode()}).encode(),
        "a DoFn": pickler.dumps({"key": key.material}),
        "an array": file.getvalue(),
        "a pickled table": pickle.dumps(table.tolist()),
        "Beam's pickle of a table": pickler.dumps(table),
        "variables": f"table = {np.rint(10 * table)!r}".encode(),
    }
    for name, leak in leaks.items():
        assert secrets.found_in(leak), name
        with pytest.raises(AssertionError, match=name):
            check(secrets, {name: leak})
