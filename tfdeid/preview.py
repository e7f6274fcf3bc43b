"""A picture that shows what de-identification does: a column an image, with the rows original, vectorised, de-identified."""

from __future__ import annotations

import hashlib
import io
import pathlib
from collections.abc import Sequence

import numpy as np
from etils import epath
from PIL import Image, ImageDraw, ImageFont

from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.errors import DeidError, warn
from tfdeid.files import write_text
from tfdeid.image import resize
from tfdeid.key import Key

_MARGIN, _LABEL_WIDTH, _FONT_SIZE = 8, 120, 16


def preview(
    images: Sequence[np.ndarray],
    config: DeidConfig,
    key: Key | None,
    other_schemes: Sequence[str] = (),
    cell_size: int = 224,
) -> Image.Image:
    """Paints the rows original, vectorised (no encryption), the config's own scheme and others, all at the output size.

    Args:
      images: uint8[H, W, 3] or uint8[H, W, 1], at least one.
      config: what to do.
      key: the owner's key; schemes without encryption need none.
      other_schemes: more rows, one a scheme.
      cell_size: pixels a side at which each image is shown; squares, as the network sees them.
    """
    if not images:
        raise DeidError("a preview needs at least one image, got none.")
    rows = {"original": [resize(image, config.output_size) for image in images]}
    for scheme in dict.fromkeys(("vectorized", config.scheme, *other_schemes)):
        deidentifier = Deidentifier(config.with_scheme(scheme), key)
        title = "de-identified" if scheme == DeidConfig.scheme else scheme.replace("_", "_\n")
        rows[title] = [deidentifier(image, image_id(image)) for image in images]
    step = cell_size + _MARGIN
    canvas = Image.new("RGB", (_LABEL_WIDTH + len(images) * step + _MARGIN, len(rows) * step + _MARGIN), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(_FONT_SIZE)
    for y, (title, row) in enumerate(rows.items()):
        top = _MARGIN + y * step
        draw.text((_MARGIN, top + cell_size // 2), title, fill="black", font=font, anchor="lm")
        for x, image in enumerate(row):
            shown = resize(image, cell_size)
            canvas.paste(Image.fromarray(shown if shown.shape[2] == 3 else shown[:, :, 0]), (_LABEL_WIDTH + x * step, top))
    return canvas


def image_id(image: np.ndarray) -> str:
    """Returns an image's id in previews, that of its pixels: no two images share what the key makes for one."""
    return hashlib.sha256(f"{image.shape} ".encode() + np.ascontiguousarray(image).tobytes()).hexdigest()[:32]


def save(picture: Image.Image, path: pathlib.Path) -> None:
    """Writes a picture in the format that its file's ending names; the file appears when it is whole.

    Raises:
      OSError: it can't be written.
    """
    data = io.BytesIO()
    picture.save(data, format=format_of(path))
    write_text(epath.Path(path), data.getvalue())


def format_of(path: pathlib.Path) -> str:
    """Returns Pillow's name of the format that a file's ending stands for.

    Raises:
      DeidError: there is none that can be written.
    """
    known = {ending: kind for ending, kind in Image.registered_extensions().items() if kind in Image.SAVE}
    if path.suffix.lower() not in known:
        raise DeidError(f"{path} can't be written: its ending must be that of a picture, such as .png or .jpg.")
    return known[path.suffix.lower()]


def write_svg(images: Sequence[np.ndarray], config: DeidConfig, key: Key, folder: pathlib.Path) -> list[pathlib.Path]:
    """Writes each image's vector document before and after the encryption of its positions; returns the paths.

    Where what is done to an image depends on its id, it is that of the image in `preview`. Keyed colours and bends come before
    the encryption, and are in both documents.

    The two together give the key's table away, so they are for the owner alone (0600), and a warning says so.

    Args:
      images: as for `preview`.
      config: what to do; its scheme must be structural.
      key: the owner's key.
      folder: made if it is not there; gets `1.svg`, `1.encrypted.svg`, ...

    Raises:
      DeidError: the scheme makes no vector documents.
    """
    from tfdeid.schemes.structural.scheme import Structural  # Late: loads kernels, which a preview of pixels has no use for.

    if not issubclass(config.scheme_class, Structural):
        raise DeidError(f"vector documents are made by the scheme structural alone, the scheme was {config.scheme!r}.")
    warn(f"the documents in {folder} are as good as the key: whoever has one with its encrypted form can undo the warp.")
    scheme = config.scheme_class(config, key)
    prepare = Deidentifier(config.with_scheme("vectorized")).prepare
    paths = []
    for number, image in enumerate(images, 1):
        name = image_id(image)
        drawing, ope = scheme.drawing(prepare(image), name), scheme.position_ope(name)
        for ending, document in (("svg", drawing.to_svg()), ("encrypted.svg", ope(drawing).to_svg())):
            path = folder / f"{number}.{ending}"
            write_text(epath.Path(path), document, private=True)
            paths.append(path)
    return paths
