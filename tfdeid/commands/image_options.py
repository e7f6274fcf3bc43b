"""Options of the commands that look at images of a dataset, and what they come to."""

from __future__ import annotations

import argparse
from typing import Any

from tfdeid.config import check_keys, load_config
from tfdeid.data.sources import SourceConfig, references
from tfdeid.deidentifier import DeidConfig
from tfdeid.key import Key
from tfdeid.parser import Parser
from tfdeid.reference import IN_WORDS, SOURCE


def add_image_options(parser: Parser, note: str) -> None:
    """Adds the options.

    Args:
      parser: of the command.
      note: how --dataset stands to the command's other ways to name images.
    """
    parser.add_argument("--dataset", help=f"{references()} ({note})")
    parser.add_argument("--data_dir", help="TFDS data directory that --dataset is read from (default: TFDS's own)")
    parser.add_argument("--image_feature", help="feature of --dataset that holds the image (default: the one that is clear)")
    parser.add_argument("--split", help="split of --dataset (default: its first)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draw of images (default: %(default)s)")
    parser.add_argument(
        "--config",
        help="YAML file whose sections source and deid (scheme and its options among them) count where no option is given",
    )
    parser.add_argument("--key", help="key reference (default: ~/.config/tfdeid/key, made at need)")


def add_reference(parser: Parser) -> None:
    """Adds the option that says what images are compared with."""
    words = ", or ".join(f"{name}, {said}" for name, said in IN_WORDS.items())
    parser.add_argument("--reference", default=SOURCE, help=f"what is compared with: {words} (default: %(default)s)")


def source_deid_key(arguments: argparse.Namespace) -> tuple[SourceConfig | None, dict[str, Any], Key]:
    """Returns the source (None where no dataset is named), the values of the section deid, and the key.

    Raises:
      DeidError: the configuration file or the key can't be read.
    """
    filled = {"source": SourceConfig, "deid": DeidConfig}
    sections = load_config(arguments.config, filled) if arguments.config is not None else {}
    source_values, deid_values = dict(sections.get("source", {})), dict(sections.get("deid", {}))
    check_keys("source", source_values, SourceConfig)
    check_keys("deid", deid_values, DeidConfig)
    given = {name: vars(arguments)[name] for name in ("dataset", "data_dir", "image_feature")}
    source_values |= {name: value for name, value in given.items() if value is not None}
    key = Key.load_or_create_default()[0] if arguments.key is None else Key.load(arguments.key)
    return SourceConfig(**source_values) if "dataset" in source_values else None, deid_values, key
