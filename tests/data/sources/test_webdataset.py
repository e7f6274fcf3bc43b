"""WebDataset archives, written by the webdataset library and by Python's tarfile."""

import gzip
import json
import os
import pickle
import tarfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import library
from tests.data.prepared import fails, pixel, read_all, values, write_tar
from tfdeid.data.sources import SourceConfig, open_source, webdataset
from tfdeid.errors import DeidError


def samples(start, stop, **more):
    """Returns the members of samples, of which each image's value is its number."""
    made = []
    for k in range(start, stop):
        made += [(f"{k:04d}.png", pixel(k)), (f"{k:04d}.cls", f"{k % 3}".encode())]
        made += [(f"{k:04d}.{ending}", make(k)) for ending, make in more.items()]
    return made


def opened(path, **config):
    return open_source(SourceConfig(f"wds:{path}", **config))


def write_three(folder):
    """50 samples in three archives."""
    for part, (start, stop) in enumerate(((0, 20), (20, 21), (21, 50))):
        write_tar(folder / f"part-{part}.tar", samples(start, stop, txt=lambda k: b"caption\n"))
    return folder


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    return write_three(tmp_path_factory.mktemp("three"))


def test_what_the_library_writes(tmp_path):
    wds = library("webdataset")
    random = np.random.RandomState(0)
    for split, count in (("train", 23), ("test", 5)):
        with wds.ShardWriter(f"{tmp_path}/set-{split}-%06d.tar", maxcount=10, verbose=0) as writer:
            for k in range(count):
                image = random.randint(0, 256, (8, 8, 3)).astype(np.uint8)
                writer.write({"__key__": f"a/{k:05d}", "JPG": image, "cls": k % 3, "txt": f"no. {k}", "json": {"n": k}})
    source = opened(tmp_path / "set-{train-{000000..000002},test-000000}.tar")
    assert source.splits == {"test": 5, "train": 23} and source.label_names == ["0", "1", "2"] and source.channels == 3
    assert source.version and source.stated_version == ""
    assert source.notes[0].endswith("members: 28 .json, 28 .txt")
    for split in source.splits:
        theirs = [row for file in sorted(tmp_path.glob(f"*{split}*")) for row in wds.WebDataset(str(file), shardshuffle=False)]
        ours = read_all(source, split)
        assert [(e.source_id, e.image, e.label) for e in ours] == [(r["__key__"], r["jpg"], int(r["cls"])) for r in theirs]
        assert source.values(split, "txt") == [row["txt"].decode() for row in theirs]
        assert source.values(split, "json/n") == [str(json.loads(row["json"])["n"]) for row in theirs]
    assert source.value_features == ["cls", "txt", "json/n"]


def test_nothing_but_headers_is_read_between_images(tmp_path):
    big = tarfile.TarInfo("0000.bin")
    big.size = 1 << 40
    with open(tmp_path / "a.tar", "wb") as file:  # As sparse as a file can be.
        file.write(big.tobuf(tarfile.GNU_FORMAT))
        file.seek(big.size, os.SEEK_CUR)
        file.write(write_tar(tmp_path / "rest", samples(1, 3)).read_bytes())
    source = opened(tmp_path / "a.tar")
    assert values(read_all(source, "train")) == [1, 2]
    assert "samples without an image: 1" in source.notes[0]


def test_a_worker_looks_only_at_files_that_it_reads(three, monkeypatch):
    config = SourceConfig(f"wds:{three}/part-*.tar")
    source = open_source(config)
    looked = []
    index = webdataset._index
    monkeypatch.setattr(webdataset, "_index", lambda path, *rest: looked.append(path[-5]) or index(path, *rest))
    worker = open_source(config, source.all_label_names, pickle.loads(pickle.dumps(source.outline)))
    assert worker.splits == source.splits and worker.label_names == source.label_names and not looked
    assert values(worker.read("train", 20, 22)) == [20, 21] and looked == ["1", "2"]


def test_files_that_change_after_the_launch(tmp_path):
    for part in range(2):
        write_tar(tmp_path / f"{part}.tar", samples(0, 4))
    config = SourceConfig(f"wds:{tmp_path}/*.tar")
    source = open_source(config)
    write_tar(tmp_path / "1.tar", samples(0, 3))
    with pytest.raises(DeidError, match=r"1\.tar has changed: it has 3 images now"):
        list(open_source(config, source.all_label_names, source.outline).read("train", 0, 8))
    (tmp_path / "1.tar").unlink()
    with pytest.raises(DeidError, match="names other files here than at launch"):
        open_source(config, source.all_label_names, source.outline)


def test_labels(tmp_path):
    def json_of(k):
        deep = {"n": 10 - k, "on": k > 2}
        return json.dumps({"kind": "ab"[k % 2], "deep": deep, "l": [k], "mixed": k if k else "x"}).encode()

    path = write_tar(tmp_path / "a.tar", samples(0, 5, json=json_of, txt=lambda k: f"{'zoe' if k else 'Ann'}\n".encode()))
    source = opened(path, label_feature="txt")
    assert source.label_names == ["Ann", "zoe"] and [e.label for e in read_all(source, "train")] == [0, 1, 1, 1, 1]
    assert "stand in the clear" in source.notes[1] and "left out of" in source.notes[0]
    for label, names, labels in (
        ("json/kind", ["a", "b"], [0, 1, 0, 1, 0]),
        ("json/deep/n", ["6", "7", "8", "9", "10"], [4, 3, 2, 1, 0]),
        ("json/deep/on", ["false", "true"], [0, 0, 0, 1, 1]),
        ("cls", ["0", "1", "2"], [0, 1, 2, 0, 1]),
    ):
        source = opened(path, label_feature=label)
        assert source.label_names == names and [e.label for e in read_all(source, "train")] == labels
        assert source._store.labels("train").tolist() == labels
    source = opened(path, label_feature="none")
    assert source.label_names is None and {e.label for e in read_all(source, "train")} == {None}
    dataset = f"wds:{path}"
    fails("label_feature must be texts, .* 'json/l' of .* is list. Choose another", dataset=dataset, label_feature="json/l")
    fails("'json/mixed' of .* is int and str", dataset=dataset, label_feature="json/mixed")
    for label in ("clas", "json", "json/n", "png", "json/deep"):
        fails("label_feature", dataset=dataset, label_feature=label)
    fails("unknown label_feature 'clas'. Did you mean 'cls'", dataset=dataset, label_feature="clas")


def test_samples_without_labels_among_others(tmp_path):
    members = [(name, data) for name, data in samples(0, 4) if name not in ("0001.cls", "0003.cls")]
    source = opened(write_tar(tmp_path / "a.tar", members))
    assert [e.label for e in read_all(source, "train")] == [0, -1, 1, -1] and source.label_names == ["0", "2"]
    assert "samples without cls, which are unlabelled: 2" in source.notes
    alone = opened(write_tar(tmp_path / "b.tar", [(name, data) for name, data in members if name.endswith("png")]))
    assert alone.label_names is None and alone.notes == [f"wds:{tmp_path}/b.tar is written without labels, since it has none"]


@pytest.mark.parametrize(
    ("label", "data", "said"),
    [
        ("cls", b"cat", r"\.cls of sample '0002' must be a whole number, got 'cat'. Mend it, or choose another"),
        ("cls", b"1_0", "must be a whole number, got '1_0'"),
        ("cls", b"", "must be a whole number, got ''"),
        ("txt", b"\xff", r"\.txt of sample '0002' must be text in UTF-8"),
        ("json/a", b"{", r"\.json of sample '0002' can't be read: "),
        ("json/a", b"[" * 100_000, r"\.json of sample '0002' can't be read: "),
    ],
)
def test_labels_that_are_none(tmp_path, label, data, said):
    ending = label.partition("/")[0]
    path = write_tar(tmp_path / "a.tar", [("0001.png", pixel(1)), ("0002.png", pixel(2)), (f"0002.{ending}", data)])
    fails(said, dataset=f"wds:{path}", label_feature=label)


def test_json_that_nobody_asks_for_may_be_damaged(tmp_path):
    path = write_tar(tmp_path / "a.tar", [("0001.png", pixel(1)), ("0001.json", b"{")])
    assert opened(path).value_features == [] and opened(path, label_feature="none").splits == {"train": 1}


def test_too_many_values_for_classes(tmp_path):
    members = [member for k in range(1001) for member in ((f"{k}.png", b"x"), (f"{k}.cls", f"{k}".encode()))]
    path = write_tar(tmp_path / "a.tar", members)
    fails("more than 1,000 different values, too many for classes", dataset=f"wds:{path}")
    assert opened(path, label_feature="none").splits == {"train": 1001}


def test_several_images_a_sample(tmp_path):
    path = write_tar(tmp_path / "a.tar", samples(0, 2, **{"seg.png": lambda k: pixel(10 + k), "JPEG": lambda k: b"x"}))
    fails("several images in one sample, '0000': choose by --image_feature one of png, seg.png, jpeg", dataset=f"wds:{path}")
    source = opened(path, image_feature="seg.png")
    assert values(read_all(source, "train")) == [10, 11] and "2 .jpeg, 2 .png" in source.notes[0]
    assert values(read_all(opened(path, image_feature="png"), "train")) == [0, 1]
    said = "unknown image_feature 'jpg'. Did you mean 'jpeg'. Known: jpeg, png, seg.png"
    fails(said, dataset=f"wds:{path}", image_feature="jpg")
    few = write_tar(tmp_path / "b.tar", [("0.png", pixel(1)), ("1.jpg", b"x")])
    source = opened(few, image_feature="png")
    assert source.splits == {"train": 1} and "samples without .png: 1" in source.notes[0]


def test_what_is_left_out_is_counted(tmp_path):
    link, folder, pipe = tarfile.TarInfo("0009.png"), tarfile.TarInfo("b"), tarfile.TarInfo("p")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    folder.type, pipe.type = tarfile.DIRTYPE, tarfile.FIFOTYPE
    hard = tarfile.TarInfo("0008.png")
    hard.type, hard.linkname = tarfile.LNKTYPE, "0001.png"
    rest = [("README", b"x"), ("b/._0.png", b"x"), ("__meta__", b"x"), ("3.json", b"{}"), ("4.heic", b"x")]
    members = [*samples(1, 2), (link, b""), (hard, b""), (folder, b""), (pipe, b""), *rest, ("b/0001.png", pixel(7))]
    source = opened(write_tar(tmp_path / "a.tar", members))
    assert [e.source_id for e in read_all(source, "train")] == ["0001", "b/0001"]
    assert source.warnings[0] == (
        f"left out of wds:{tmp_path}/a.tar: members: 1 .heic, 1 .json; devices, pipes or sparse files: 1; "
        "hidden members, by names that start with a dot: 1; links: 2; members without an ending: 1; samples without an image: 2"
    )


def test_what_other_programs_write_of_links_and_holes(tmp_path):
    link, sparse = tarfile.TarInfo("0009.png"), tarfile.TarInfo("0008.png")
    link.type, link.linkname, link.size = tarfile.LNKTYPE, "0001.png", 70_000  # Whose data are those of the other.
    sparse.type, sparse.size = b"S", 512
    header = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
    header[482] = 1  # One more header follows.
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    rest = write_tar(tmp_path / "rest", samples(1, 2)).read_bytes()
    (tmp_path / "a.tar").write_bytes(link.tobuf(tarfile.GNU_FORMAT) + header + bytes(512) + b"x" * 512 + rest)
    source = opened(tmp_path / "a.tar")
    assert values(read_all(source, "train")) == [1]
    assert source.notes[0].endswith("devices, pipes or sparse files: 1; links: 1")


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_long_names(tmp_path, format):
    long = "d" * 90 + "/" + "é" * 40
    if format != tarfile.USTAR_FORMAT:
        long = "x" * 200 + "/" + long
    path = write_tar(tmp_path / "a.tar", [(f"{long}.png", pixel(1)), (f"{long}.cls", b"4"), *samples(2, 3)], format)
    first, second = read_all(opened(path), "train")
    assert (first.source_id, second.source_id) == (long, "0002") and values([first, second]) == [1, 2]
    assert opened(path).label_names == ["2", "4"]


def test_archives_that_break_off(tmp_path):
    path = write_tar(tmp_path / "a.tar", samples(0, 3, txt=lambda k: b"y" * 700))
    whole = path.read_bytes()
    end = len(whole.rstrip(b"\0")) // 512 * 512 + 512
    for length in (*range(0, end, 173), end):
        path.write_bytes(whole[:length])
        fails(r"a\.tar can't be read: it (breaks off at byte \d+|is no TAR)", dataset=f"wds:{path}")
    path.write_bytes(whole[: end + 512])
    assert opened(path).splits == {"train": 3}


def test_wrong_archives(tmp_path):
    path, dataset = tmp_path / "a.tar", f"wds:{tmp_path}/a.tar"
    fails(r"must name files, and .*a\.tar is not there. Mend", dataset=dataset)
    fails("matches no file. .* quotes", dataset=f"wds:{tmp_path}/*.tar")
    fails(r"must name files, and .* is a folder. Write .*/\* with", dataset=f"wds:{tmp_path}")
    write_tar(path, samples(0, 2))
    whole = path.read_bytes()
    for data, said in (
        (b"\x89PNG" * 400, r"it is no TAR archive. Mend it, or leave it out"),
        (gzip.compress(whole) + bytes(512), r"it is compressed \(gzip\), and can't be read by position. Unpack it"),
        (b"BZh9" + bytes(600), "compressed .bzip2."),
        (whole + whole, "it goes on after its end at byte"),
        (whole[:1024] + b"x" + whole[1025:], "the header at byte 1024 is damaged"),
    ):
        path.write_bytes(data)
        fails(said, dataset=dataset)
    fails("has no images: no member has the ending of one", dataset=f"wds:{write_tar(path, [])}")
    write_tar(path, [("a.txt", b"x"), ("b.heic", b"x")])
    fails(r"no member has the ending of one; there are members \.heic, \.txt", dataset=dataset)
    write_tar(path, [*samples(0, 2), ("0000.jpg", b"x")])
    fails("two samples of one key, '0000', or members of one that lie apart. Pack", dataset=dataset)
    write_tar(path, [*samples(0, 1), ("0000.PNG", b"x")])
    fails(r"two members '0000\.PNG' of one sample", dataset=dataset)


@pytest.mark.parametrize("kind", [b"0", b"L", b"x"])
def test_sizes_are_checked_before_memory_is_taken(tmp_path, kind):
    member = tarfile.TarInfo("0000.cls")
    member.size = 1 << 60
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[156:157] = kind
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path = tmp_path / "a.tar"
    path.write_bytes(header + bytes(4096))
    fails(rf"breaks off at byte 4608: the member '0000.cls' at byte 0 claims {1 << 60} bytes", dataset=f"wds:{path}")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 8000), st.integers(0, 255)), min_size=1, max_size=6))
def test_damage_is_one_clear_error_or_another_archive(tmp_path, changes):
    path = write_tar(tmp_path / "a.tar", samples(0, 2, json=lambda k: b'{"a": [1]}'), tarfile.PAX_FORMAT)
    data = bytearray(path.read_bytes())
    for place, value in changes:
        data[place % len(data)] = value
    path.write_bytes(data)
    try:
        read_all(opened(path, label_feature="json/a"), "train")
    except DeidError as error:
        assert "\n" not in str(error)


def test_channels_and_version(tmp_path):
    path = write_tar(tmp_path / "a.tar", [("0.png", pixel(1, channels=1)), ("1.png", b"damaged")])
    source = opened(path)
    first = source.version
    assert source.channels == 1 and source.version == first and not source.is_remote
    write_tar(path, [("0.png", pixel(1, channels=1)), ("1.png", pixel(2))])
    assert opened(path).channels == 3
    write_tar(path, samples(0, 40))
    assert opened(path).version != first
