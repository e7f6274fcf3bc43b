"""`tfdeid SUBCOMMAND`: thin wrappers on the Python API."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from etils import epath
from tqdm import tqdm

from tfdeid.attack.command import add_attack
from tfdeid.commandline import absolute, absolute_dataset, absolute_key, command, writable_folder
from tfdeid.config import check_keys, load_config
from tfdeid.data.locate import local_path
from tfdeid.deidentifier import DeidConfig
from tfdeid.errors import DeidError, unknown_name
from tfdeid.files import write_text
from tfdeid.key import Key, default_key_path
from tfdeid.redaction import looks_like_key
from tfdeid.terminal import import_tensorflow, run_command

if TYPE_CHECKING:
    from tfdeid.data.sources import SourceConfig


# Columns of a preview.
_PREVIEWED = 4


class _Parser(argparse.ArgumentParser):
    """Reports mistakes as DeidError, so that all commands print errors in one way; options are written in full."""

    def __init__(self, **options: Any):
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        raise DeidError(f"{message}. `{self.prog} --help` lists what there is.")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a subcommand; returns the exit code, 2 after a mistake that the user can mend."""
    return run_command("tfdeid", lambda: _run(list(sys.argv[1:] if argv is None else argv)))


def _run(argv: list[str]) -> int:
    parser = _Parser(prog="tfdeid", description="Structural image de-identification for TFDS datasets.")
    subparsers = parser.add_subparsers(dest="command", metavar="SUBCOMMAND", required=True)
    _add_keygen(subparsers)
    _add_preview(subparsers)
    _add_measure(subparsers)
    _add_reproduce(subparsers)
    add_attack(subparsers)
    _add_classify(subparsers)
    _add_verify(subparsers)
    if argv and not argv[0].startswith("-") and argv[0] not in subparsers.choices:
        raise unknown_name("subcommand", argv[0], subparsers.choices)
    arguments = parser.parse_args(argv)
    return arguments.function(arguments)


def _add_keygen(subparsers: argparse._SubParsersAction) -> None:
    keygen = subparsers.add_parser(
        "keygen", help="write a new key", description="Write a new key to a file that only you can read."
    )
    keygen.add_argument("--output", help="the new file (default: ~/.config/tfdeid/key)")
    keygen.set_defaults(function=_keygen)


def _keygen(arguments: argparse.Namespace) -> int:
    output = str(default_key_path()) if arguments.output is None else arguments.output
    if looks_like_key(os.path.basename(output)) or (os.sep not in output and looks_like_key(output)):
        raise DeidError("output must name the new file, and what was given looks like the text of a key. Choose another name.")
    key = Key.generate()
    try:
        key.save(output)
    except FileExistsError:
        raise DeidError(f"{output} exists, and keys are never overwritten. Choose another --output.") from None
    except OSError as error:
        raise DeidError(f"{output} can't be written: {error.strerror}. Choose another --output.") from None
    print(f"wrote {output} (fingerprint {key.fingerprint}). Keep it: nothing else can repeat or check what it makes.")
    print(f"next: {command('python', '-m', 'beam.deid', '--key', absolute_key(output))}")
    return 0


def _add_preview(subparsers: argparse._SubParsersAction) -> None:
    preview = subparsers.add_parser(
        "preview",
        help="paint a picture of what de-identification does",
        description="Paint a picture with the rows original, vectorised and de-identified.",
    )
    preview.add_argument("images", nargs="*", help="image files (default: four photographs that come with scikit-image)")
    _add_source_options(preview, "instead of files")
    preview.add_argument(
        "--num_images", type=int, default=_PREVIEWED, help="images to draw from --dataset (default: %(default)s)"
    )
    preview.add_argument("--scheme", help=f"what the last rows show, comma-separated schemes (default: {DeidConfig.scheme})")
    preview.add_argument("--input_size", type=int, help=f"pixels a side before encryption (default: {DeidConfig.input_size})")
    preview.add_argument("--grayscale", action="store_true", help="turn colour images gray first")
    preview.add_argument("--output", default="preview.png", help="the picture (default: %(default)s)")
    preview.add_argument("--svg", metavar="DIR", help="also write the vector documents before and after encryption to a folder")
    preview.set_defaults(function=_preview)


def _preview(arguments: argparse.Namespace) -> int:
    from tfdeid.data.draw import draw_images, read_images
    from tfdeid.preview import format_of, preview, save, write_svg

    output, svg = local_path(arguments.output, "output"), local_path(arguments.svg or "", "svg")
    format_of(output)
    source, deid_values, key = _source_deid_key(arguments)
    if arguments.input_size is not None:
        deid_values["input_size"] = arguments.input_size
    if arguments.grayscale:
        deid_values["grayscale"] = True
    scheme, *others = (arguments.scheme or deid_values.get("scheme") or DeidConfig.scheme).split(",")
    config = DeidConfig(**{**deid_values, "scheme": scheme})
    if arguments.images and source is not None:
        raise DeidError("give image files or a dataset, not both.")
    if source is not None:
        import_tensorflow()
        images = draw_images(source, arguments.split, arguments.num_images, arguments.seed)
    else:
        images = read_images(arguments.images)
    where = arguments.svg
    try:
        documents = write_svg(images, config, key, svg) if arguments.svg else []
        where = arguments.output
        save(preview(images, config, key, others), output)
    except OSError as error:
        raise DeidError(f"{where} can't be written: {error.strerror or error}.") from None
    print(f"wrote {arguments.output} (key fingerprint {key.fingerprint})")
    if documents:
        print(f"wrote {len(documents)} vector documents to {arguments.svg}")
    return 0


def _add_source_options(parser: argparse.ArgumentParser, note: str) -> None:
    """Adds the options of commands that look at images of a dataset."""
    parser.add_argument("--dataset", help=f"a TFDS name, folder:PATH or lfw_subset ({note})")
    parser.add_argument("--data_dir", help="TFDS data directory that --dataset is read from (default: TFDS's own)")
    parser.add_argument("--image_feature", help="feature of --dataset that holds the image (default: the one that is clear)")
    parser.add_argument("--split", help="split of --dataset (default: its first)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draw of images (default: %(default)s)")
    parser.add_argument("--config", help="YAML file whose sections source and deid give defaults for these options")
    parser.add_argument("--key", help="key reference (default: ~/.config/tfdeid/key, made at need)")


def _source_deid_key(arguments: argparse.Namespace) -> tuple[SourceConfig | None, dict[str, Any], Key]:
    """Returns the source (None where no dataset is named), the values of the section deid, and the key."""
    from tfdeid.data.sources import SourceConfig

    sections = load_config(arguments.config) if arguments.config is not None else {}
    source_values, deid_values = dict(sections.get("source", {})), dict(sections.get("deid", {}))
    check_keys("source", source_values, SourceConfig)
    check_keys("deid", deid_values, DeidConfig)
    given = {name: vars(arguments)[name] for name in ("dataset", "data_dir", "image_feature")}
    source_values |= {name: value for name, value in given.items() if value is not None}
    key = Key.load_or_create_default()[0] if arguments.key is None else Key.load(arguments.key)
    return SourceConfig(**source_values) if "dataset" in source_values else None, deid_values, key


def _add_measure(subparsers: argparse._SubParsersAction) -> None:
    measure = subparsers.add_parser(
        "measure",
        help="choose an input size by how much of the images is left to see",
        description="Measure how much of a dataset's images is left to see at several input sizes, and recommend one (the "
        "paper's SDIM). No network is trained.",
    )
    _add_source_options(measure, "default: lfw_subset")
    measure.add_argument("--num_images", type=int, default=1000, help="images to draw, at most all (default: %(default)s)")
    measure.add_argument("--sizes", help="comma-separated input sizes (default: those of the paper's Table 2, 32 to 100)")
    measure.add_argument("--alpha", type=float, default=0.5, help="weight of SSIM_Dei in DI (default: %(default)s)")
    measure.add_argument(
        "--keys", type=int, default=0, help="random keys to measure too, for their spread (default: %(default)s)"
    )
    measure.add_argument("--grayscale", action="store_true", help="measure the images in gray")
    measure.add_argument("--output_dir", default="measures", help="folder for JSON, CSV and plot (default: %(default)s)")
    measure.set_defaults(function=_measure)


def _measure(arguments: argparse.Namespace) -> int:
    from tfdeid.data.draw import draw_images
    from tfdeid.data.sources import SourceConfig
    from tfdeid.measure import sweep_output
    from tfdeid.measure.sweep import sweep
    from tfdeid.reproduce import paper
    from tfdeid.schemes.key_space import key_space

    source, deid_values, key = _source_deid_key(arguments)
    source = source or SourceConfig()
    if arguments.grayscale:
        deid_values["grayscale"] = True
    config = DeidConfig(**deid_values)
    sizes = _numbers("sizes", arguments.sizes) if arguments.sizes else paper.SIZES
    folder = writable_folder(arguments.output_dir, "output_dir")
    import_tensorflow()
    images = draw_images(source, arguments.split, arguments.num_images, arguments.seed, at_most=True)
    total = len(images) * len(dict.fromkeys(sizes)) * (1 + arguments.keys)
    with tqdm(total=total, unit="image", desc="measuring", leave=False, disable=None) as bar:
        found = sweep(images, sizes, config, key, arguments.alpha, arguments.keys, arguments.seed, bar.update)
    is_cifar10 = re.split("[:/]", source.dataset)[0] == "cifar10"
    apart = paper.apart_from_table_2(
        config, arguments.key, arguments.split, arguments.alpha, bool(source.selection(config.algorithm_version))
    )
    printed = paper.table_2 if is_cifar10 and not apart else None
    about = {
        "dataset": source.dataset,
        "images": len(images),
        "alpha": arguments.alpha,
        "deid": config.to_dict(),
        "key_fingerprint": key.fingerprint,
    }
    # Before files are written: if that fails, minutes of work are on the terminal at least.
    print(f"{source.dataset}: {len(images):,} images, key fingerprint {key.fingerprint}")
    print(sweep_output.table(found, printed))
    if is_cifar10 and apart:
        print(f"the paper's Table 2 is not beside it, which has another setting: here it is {apart}")
    sized = dataclasses.replace(config, input_size=found.best)
    print(f"brute-force search at {found.best}: {key_space(sized)}. {key_space(sized).note}")
    print(found.recommendation())
    try:
        paths = sweep_output.write(found, folder, about, printed)
    except OSError as error:
        reason = error.strerror or error
        raise DeidError(f"{arguments.output_dir} can't be written: {reason}. Choose another --output_dir.") from None
    print(f"wrote {', '.join(map(str, paths))}")
    print(f"next: {_preview_command(arguments, source, found.best, len(images))}")
    return 0


def _preview_command(arguments: argparse.Namespace, source: SourceConfig, input_size: int, num_images: int) -> str:
    """Returns what shows images of a source that was measured, at an input size."""
    words = ["tfdeid", "preview"]
    if arguments.config is not None:
        # The name of a file that ships with the package is none of a file here.
        words += [
            "--config",
            absolute(arguments.config) if os.path.exists(local_path(arguments.config, "config")) else arguments.config,
        ]
    words += ["--dataset", absolute_dataset(source.dataset)]
    words += ["--data_dir", absolute(source.data_dir)] if source.data_dir is not None else []
    words += ["--image_feature", source.image_feature] if source.image_feature is not None else []
    words += ["--split", arguments.split] if arguments.split is not None else []
    words += ["--key", absolute_key(arguments.key)] if arguments.key is not None else []
    words += ["--grayscale"] if arguments.grayscale else []
    words += ["--num_images", str(num_images)] if num_images < _PREVIEWED else []
    return command(*words, "--input_size", input_size)


def _numbers(name: str, text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise DeidError(f"{name} must be whole numbers separated by commas, {name} was {text!r}.") from None


def _add_reproduce(subparsers: argparse._SubParsersAction) -> None:
    from tfdeid.reproduce.tables import SCALES, TABLES

    reproduce = subparsers.add_parser(
        "reproduce",
        help="run the paper's experiments, and print its tables beside ours",
        description="Run what a table of the paper needs, and print the paper's figures and ours side by side. What is "
        "finished is kept: the same command goes on after an interruption, and tables share what they have in common.",
    )
    reproduce.add_argument("table", metavar="TABLE", help=", ".join(TABLES))
    reproduce.add_argument(
        "--scale",
        default="quick",
        help=f"{' or '.join(SCALES)}. quick: under 40 minutes on two cores (frontier: over two hours), with fewer images, "
        "epochs and seeds, and a small network. paper: the whole experiment; its cost is printed first (default: %(default)s)",
    )
    reproduce.add_argument("--data_dir", help="TFDS data directory with cifar10 or imagenet2012 (default: TFDS's own)")
    reproduce.add_argument("--key", default="paper", help="key reference (default: %(default)s, the published key)")
    reproduce.add_argument("--output_dir", default="reproduced", help="folder for results and parts (default: %(default)s)")
    reproduce.add_argument("--kept", action="store_true", help="run nothing: show what is kept, and leave the rest blank")
    reproduce.set_defaults(function=_reproduce)


def _reproduce(arguments: argparse.Namespace) -> int:
    from tfdeid.reproduce import table_output
    from tfdeid.reproduce.run import reproduce
    from tfdeid.reproduce.tables import SCALES, make_table
    from tfdeid.reproduce.workshop import Workshop

    if arguments.scale not in SCALES:
        raise unknown_name("scale", arguments.scale, SCALES)
    scale = SCALES[arguments.scale]
    table = make_table(arguments.table, scale)
    import_tensorflow()
    folder = local_path(arguments.output_dir, "output_dir") / scale.name
    workshop = Workshop(folder, arguments.data_dir, arguments.key)
    if arguments.kept:
        table = table.kept(workshop)
        if not table.parts:
            raise DeidError(f"{folder} has none of the parts of {table.name} that this key and --data_dir make.")
    found = reproduce(table, scale, workshop)
    try:
        paths = table_output.write(found, table, scale, workshop.folder, {"key_fingerprint": workshop.key.fingerprint})
    except OSError as error:
        raise DeidError(f"{arguments.output_dir} can't be written: {error.strerror}. Choose another --output_dir.") from None
    print(f"\n{table_output.text(found, table)}\nwrote {', '.join(map(str, paths))}")
    return 0


def _add_classify(subparsers: argparse._SubParsersAction) -> None:
    classify = subparsers.add_parser(
        "classify",
        help="de-identify private images and let a trained network classify them",
        description="De-identify private images with your key, here, and print what a trained network takes them for.",
    )
    classify.add_argument("images", nargs="+", metavar="IMAGE", help="image file")
    classify.add_argument("--run", required=True, help="folder of the training run (python -m tfdeid.train)")
    classify.add_argument("--key", help="key reference (default: ~/.config/tfdeid/key)")
    classify.add_argument("--checkpoint", choices=("last", "best"), default="last", help="default: %(default)s")
    classify.add_argument("--top", type=int, default=5, help="classes to show (default: %(default)s)")
    classify.set_defaults(function=_classify)


def _classify(arguments: argparse.Namespace) -> int:
    import_tensorflow()
    from tfdeid.data.draw import read_images
    from tfdeid.train.classify import classify, needs_key
    from tfdeid.train.run_dir import RunDir

    run = RunDir.open(arguments.run)
    key = Key.load(arguments.key) if needs_key(run) else None
    images = read_images(arguments.images)
    names = run.record["dataset"]["label_names"]
    for path, probabilities in zip(arguments.images, classify(images, run, key, arguments.checkpoint), strict=True):
        best = probabilities.argsort()[::-1][: max(1, arguments.top)]
        print(f"{path}: " + ", ".join(f"{names[k]} {probabilities[k]:.3f}" for k in best))
    return 0


def _add_verify(subparsers: argparse._SubParsersAction) -> None:
    verify = subparsers.add_parser(
        "verify",
        help="check that a de-identified dataset is whole, and what your key makes of the source",
        description="Check every shard of a de-identified dataset: CRC, counts, records, images, labels, ids and metadata. "
        "With --source and --key, its owner also learns whether the records are what the key makes of the source. The exit "
        "code is 1 if something is wrong.",
    )
    verify.add_argument(
        "dataset", metavar="DATASET", help="as for tfdeid.load: cifar10_deid, cifar10_deid/structural_50_224, or its folder"
    )
    verify.add_argument("--data_dir", help="TFDS data directory that holds it (default: TFDS's own)")
    verify.add_argument("--source", help="what it was made of: a TFDS name, folder:PATH or lfw_subset")
    verify.add_argument("--source_data_dir", help="TFDS data directory that --source is read from (default: TFDS's own)")
    verify.add_argument("--key", help="key reference (default, with --source: ~/.config/tfdeid/key)")
    verify.add_argument(
        "--num_images", type=int, default=200, help="images of each split to make again and compare (default: %(default)s)"
    )
    verify.add_argument("--all", action="store_true", help="make all images again and compare")
    verify.add_argument("--seed", type=int, default=0, help="seed of the draw of images (default: %(default)s)")
    verify.add_argument("--output", help="write the report to this JSON file too")
    verify.set_defaults(function=_verify)


def _verify(arguments: argparse.Namespace) -> int:
    if arguments.source is None and arguments.key is not None:
        raise DeidError("a key alone can't check anything: give --source too, or neither.")
    if arguments.num_images < 1:
        raise DeidError(f"num_images must be at least 1, num_images was {arguments.num_images}.")
    import_tensorflow()
    from tfdeid.verify import Owner, verify

    owner = None
    if arguments.source is not None:
        key = Key.load(arguments.key)
        number = None if arguments.all else arguments.num_images
        owner = Owner(key, arguments.source, arguments.source_data_dir, number, arguments.seed)
    with tqdm(unit="shard", desc="verifying", leave=False, disable=None) as bar:
        found = verify(arguments.dataset, arguments.data_dir, owner, bar.update)
    print(found)
    if arguments.output:
        try:
            write_text(epath.Path(local_path(arguments.output, "output")), json.dumps(found.to_dict(), indent=1) + "\n")
        except OSError as error:
            raise DeidError(f"{arguments.output} can't be written: {error.strerror}.") from None
        print(f"wrote {arguments.output}")
    return 1 if found.problems else 0


if __name__ == "__main__":
    sys.exit(main())
