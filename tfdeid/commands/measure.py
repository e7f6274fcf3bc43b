"""`tfdeid measure`: chooses an input size by how much of the images is left to see."""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
from collections.abc import Sequence

from tqdm import tqdm

from tfdeid.commandline import absolute, absolute_key, command, writable_folder, writing
from tfdeid.commands.image_options import add_image_options, add_reference, source_deid_key
from tfdeid.commands.preview import NUM_IMAGES
from tfdeid.data.draw import draw_images
from tfdeid.data.sources import SourceConfig, absolute_dataset
from tfdeid.deidentifier import DeidConfig
from tfdeid.errors import DeidError
from tfdeid.measure import sweep_output
from tfdeid.measure.sweep import sweep
from tfdeid.parser import Parser
from tfdeid.paths import local_path
from tfdeid.reference import INPUT, check_reference
from tfdeid.reproduce import paper


def run(argv: Sequence[str], program: str) -> int:
    arguments = _parser(program).parse(argv)
    source, deid_values, key = source_deid_key(arguments)
    source = source or SourceConfig()
    if arguments.grayscale:
        deid_values["grayscale"] = True
    check_reference(arguments.reference)
    sizes = _numbers("sizes", arguments.sizes) if arguments.sizes else paper.SIZES
    # Those that are measured must suit the scheme; the file's own, or the default, need not.
    config = DeidConfig(**{**deid_values, "input_size": sizes[0]})
    folder = writable_folder(arguments.output_dir, "output_dir")
    images = draw_images(source, arguments.split, arguments.num_images, arguments.seed, at_most=True)
    total = len(images) * len(dict.fromkeys(sizes)) * (1 + arguments.keys)
    with tqdm(total=total, unit="image", desc="measuring", leave=False, disable=None) as bar:
        measured = sweep(
            images, sizes, config, key, arguments.alpha, arguments.keys, arguments.seed, bar.update, arguments.reference
        )
    about = {
        "dataset": source.dataset,
        "images": len(images),
        "alpha": arguments.alpha,
        "deid": {**config.to_dict(), "input_size": deid_values.get("input_size", DeidConfig.input_size)},
        "key_fingerprint": key.fingerprint,
    }
    is_cifar10 = re.split("[:/]", source.dataset)[0] == "cifar10"
    apart = _apart_from_the_paper(arguments, source, config)
    printed = paper.table_2 if is_cifar10 and not apart else None
    # Before files are written: if that fails, minutes of work are on the terminal at least.
    print(f"{source.dataset}: {len(images):,} images, key fingerprint {key.fingerprint}")
    print(sweep_output.table(measured, printed))
    if is_cifar10 and apart:
        print(f"the paper's Table 2 is not beside it, which has another setting: here it is {apart}")
    if measured.criterion != "sdim":
        print(f"no SDIM, which compares vector images: the scheme {config.scheme} makes none")
    space = dataclasses.replace(config, input_size=measured.best).key_space()
    print(f"brute-force search at {measured.best}: {space}{'' if space.images_log2 is None else f'. {space.note}'}")
    print(measured.recommendation())
    with writing(arguments.output_dir, "output_dir"):
        paths = sweep_output.write(measured, folder, about, printed)
    print(f"wrote {', '.join(map(str, paths))}")
    print(f"next: {preview_command(arguments, source, measured.best, len(images))}")
    return 0


def _parser(program: str) -> Parser:
    parser = Parser(
        program,
        "Measure how much of a dataset's images is left to see at several input sizes, and recommend one (the paper's "
        "SDIM). No network is trained.",
    )
    add_image_options(parser, "default: lfw_subset")
    parser.add_argument("--num_images", type=int, default=1000, help="images to draw, at most all (default: %(default)s)")
    parser.add_argument("--sizes", help="comma-separated input sizes (default: those of the paper's Table 2, 32 to 100)")
    parser.add_argument("--alpha", type=float, default=0.5, help="weight of SSIM_Dei in DI (default: %(default)s)")
    parser.add_argument(
        "--keys", type=int, default=0, help="random keys to measure too, for their spread (default: %(default)s)"
    )
    add_reference(parser)
    parser.add_argument("--grayscale", action="store_true", help="measure the images in gray")
    parser.add_argument("--output_dir", default="measures", help="folder for JSON, CSV and plot (default: %(default)s)")
    return parser


def _apart_from_the_paper(arguments: argparse.Namespace, source: SourceConfig, config: DeidConfig) -> str:
    is_selection = bool(source.selection(config.algorithm_version))
    apart = paper.apart_from_table_2(config, arguments.key, arguments.split, arguments.alpha, is_selection)
    own = "" if arguments.reference == INPUT else f"another reference than {INPUT!r}"
    return ", ".join(reason for reason in (apart, own) if reason)


def preview_command(arguments: argparse.Namespace, source: SourceConfig, input_size: int, num_images: int) -> str:
    """Returns what shows images of a source that was measured, at an input size."""
    words = ["tfdeid", "preview"]
    if arguments.config is not None:
        # The name of a file that ships with the package is none of a file here.
        is_here = os.path.exists(local_path(arguments.config, "config"))
        words += ["--config", absolute(arguments.config) if is_here else arguments.config]
    words += ["--dataset", absolute_dataset(source.dataset)]
    words += ["--data_dir", absolute(source.data_dir)] if source.data_dir is not None else []
    words += ["--image_feature", source.image_feature] if source.image_feature is not None else []
    words += ["--split", arguments.split] if arguments.split is not None else []
    words += ["--key", absolute_key(arguments.key)] if arguments.key is not None else []
    words += ["--grayscale"] if arguments.grayscale else []
    words += ["--num_images", str(num_images)] if num_images < NUM_IMAGES else []
    return command(*words, "--input_size", input_size)


def _numbers(name: str, text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise DeidError(f"{name} must be whole numbers separated by commas, {name} was {text!r}.") from None
