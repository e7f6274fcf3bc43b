"""`tfdeid preview`: paints a picture of what de-identification does."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from tfdeid.commandline import writing
from tfdeid.commands.image_options import add_image_options, source_deid_key
from tfdeid.data.draw import draw_images, read_images
from tfdeid.data.sources import SourceConfig
from tfdeid.deidentifier import DeidConfig
from tfdeid.errors import DeidError
from tfdeid.parser import Parser
from tfdeid.paths import local_path
from tfdeid.preview import format_of, preview, save, write_svg
from tfdeid.schemes import SCHEMES

# Columns of a preview of a dataset.
NUM_IMAGES = 4


def run(argv: Sequence[str], program: str) -> int:
    arguments = _parser(program).parse(argv)
    output, svg = local_path(arguments.output, "output"), local_path(arguments.svg or "", "svg")
    format_of(output)
    source, deid_values, key = source_deid_key(arguments)
    if arguments.input_size is not None:
        deid_values["input_size"] = arguments.input_size
    if arguments.grayscale:
        deid_values["grayscale"] = True
    scheme, *others = (arguments.scheme or deid_values.get("scheme") or DeidConfig.scheme).split(",")
    config = DeidConfig(**{**deid_values, "scheme": scheme})
    images = _images(arguments, source)
    documents = []
    if arguments.svg:
        with writing(arguments.svg, "svg"):
            documents = write_svg(images, config, key, svg)
    picture = preview(images, config, key, others)
    with writing(arguments.output, "output"):
        save(picture, output)
    print(f"wrote {arguments.output} (key fingerprint {key.fingerprint})")
    if documents:
        print(f"wrote {len(documents)} vector documents to {arguments.svg}")
    return 0


def _parser(program: str) -> Parser:
    parser = Parser(program, "Paint a picture with the rows original, vectorised and de-identified.")
    parser.add_argument("images", nargs="*", help="image files (default: four photographs that come with scikit-image)")
    add_image_options(parser, "instead of files")
    parser.add_argument(
        "--num_images", type=int, default=NUM_IMAGES, help="images to draw from --dataset (default: %(default)s)"
    )
    parser.add_argument(
        "--scheme", help=f"what the last rows show, of {', '.join(SCHEMES)}, separated by commas (default: {DeidConfig.scheme})"
    )
    parser.add_argument("--input_size", type=int, help=f"pixels a side before encryption (default: {DeidConfig.input_size})")
    parser.add_argument("--grayscale", action="store_true", help="turn colour images gray first")
    parser.add_argument("--output", default="preview.png", help="the picture (default: %(default)s)")
    parser.add_argument("--svg", metavar="DIR", help="also write the vector documents before and after encryption to a folder")
    return parser


def _images(arguments: argparse.Namespace, source: SourceConfig | None) -> list[np.ndarray]:
    if arguments.images and source is not None:
        raise DeidError("give image files or a dataset, not both.")
    if source is None:
        return read_images(arguments.images)
    return draw_images(source, arguments.split, arguments.num_images, arguments.seed)
