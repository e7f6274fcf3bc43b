"""What every image passes on its way in and out: decoding, conversion to uint8, resizing and PNG for the records.

numpy, Pillow and ISA-L only, so that a worker starts fast. An image is uint8[H, W, C] with C = 3 (RGB) or 1 (gray).
"""

from __future__ import annotations

import functools
import io
import struct
import warnings
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from isal import isal_zlib
from PIL import Image, UnidentifiedImageError

from tfdeid.containers import PNG, essential
from tfdeid.errors import DeidError, ImageError

Pixels = npt.NDArray[np.uint8]

# The kinds of images that are read. Pillow knows many more, of which some are no raster images (EPS starts Ghostscript).
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "JPEG2000", "AVIF")

# What keeps the work that a small file can cause in bounds: on a longer side, four bytes of a run-length coded BMP stand for
# gigabytes, and the weights of a resize take as much.
MAX_SIDE = 65_535

# Where Pillow warns (size, damaged metadata), this module raises or has a rule. `warnings.catch_warnings` swaps the filters
# of the whole process and so is not safe with threads; a filter that is added once and stays is.
warnings.filterwarnings("ignore", module=r"PIL\.")

_ORIENTATION = 0x0112  # the EXIF tag
_OPAQUE = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB", "RGBX": "RGB", "CMYK": "RGB", "YCbCr": "RGB"}
_TRANSPARENT = {
    **{mode: "LA" for mode in ("1", "L", "LA", "La")},
    **{mode: "RGBA" for mode in ("P", "PA", "RGB", "RGBA", "RGBa")},
}


def decode_image(data: bytes, max_pixels: int = 64_000_000) -> Pixels:
    """Decodes an image file; the one decoder for every source, so that pixels do not depend on how data is stored.

    - The first frame counts (GIF, TIFF, ...). EXIF orientation is applied; EXIF that can't be read counts as absent.
    - Gray stays one channel (also 1 bit). Palettes are expanded, CMYK and YCbCr become RGB.
    - Transparent pixels are laid on white, the colour of the canvas: (c * a + 255 * (255 - a) + 127) // 255 with alpha a.
    - 16-bit gray becomes floor(x * 255 / 65535 + 1/2). 32-bit integers are taken for 16-bit gray if all are in 0..65535.
    - Of 16-bit colour Pillow keeps only the high byte, floor(x / 256). It also overlooks the one colour that a PNG file
      declares transparent (chunk tRNS) in 16-bit colour and in 2- and 4-bit gray.
    - What comes with the pixels, such as texts, profiles, thumbnails, further pictures, and whatever follows the end of the
      image, does not count, however large it is. A wrong checksum of any PNG chunk does: it may have been one of pixels.

    Args:
      data: the bytes of a file of one of `FORMATS`.
      max_pixels: the largest width * height that is decoded, checked on the header. Pillow's own limit
        (2 * PIL.Image.MAX_IMAGE_PIXELS, by default 178,956,970) holds too, and no side may exceed `MAX_SIDE`.

    Returns:
      A new, writable uint8[H, W, 3], or uint8[H, W, 1] for gray.

    Raises:
      ImageError: the data is no image, damaged, truncated, too large or of an unsupported mode (such as float pixels).
    """
    try:
        image = _open(essential(data))
        _check_size(image, max_pixels)
        image.load()
        pixels = _gray16_pixels(image) if image.mode[0] == "I" else _pixels(image)
        return np.array(_upright(pixels, _orientation(image)), order="C")
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(
            f"an image must be a file of a known kind ({', '.join(FORMATS)}), whole in its header and at least 1x1: "
            f"got {len(data)} bytes starting with {data[:8].hex() or 'nothing'}"
        ) from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"an image must have at most {max_pixels} pixels, and fewer than Pillow's limit: {error}") from error
    except Exception as error:  # On damaged data, Pillow's plugins raise whatever happens to go wrong first.
        raise ImageError(
            f"an image must be whole: {len(data)} bytes could not be decoded ({type(error).__name__}: {error})"
        ) from error


def to_uint8(image: npt.ArrayLike) -> Pixels:
    """Returns the image as uint8[H, W, 1] or uint8[H, W, 3].

    Args:
      image: [H, W], [H, W, 1] or [H, W, 3] with H, W >= 2, uint8 or float in [0, 1]. Floats become floor(255 * x + 1/2).

    Returns:
      A view of the image if it is uint8, otherwise a new array.

    Raises:
      ImageError: the image is anything else.
    """
    array = np.asarray(image)
    problem = _problem(array)
    if problem:
        raise ImageError(
            "an image must be uint8 or float in [0, 1], of shape [H, W], [H, W, 1] or [H, W, 3] and at least 2x2: "
            f"got {array.dtype}{list(array.shape)}{problem}"
        )
    if array.dtype.kind == "f":
        array = np.floor(255 * array.astype(np.float64) + 0.5).astype(np.uint8)
    return array if array.ndim == 3 else array[..., np.newaxis]


def resize(image: Pixels, size: int) -> Pixels:
    """Returns the image resized to uint8[size, size, C] by Pillow's bicubic filter; unchanged if it has that size already.

    Raises:
      DeidError: `size` is less than 1.
    """
    if size < 1:
        raise DeidError(f"an image is resized to at least 1 pixel, got size {size}")
    if image.shape[:2] == (size, size):
        return image
    resized = np.array(_to_pil(image).resize((size, size), Image.Resampling.BICUBIC))
    return resized.reshape(size, size, image.shape[2])


def to_grayscale(image: Pixels) -> Pixels:
    """Returns the image as uint8[H, W, 1]: Pillow's luma, (19595 R + 38470 G + 7471 B + 32768) >> 16. Gray is unchanged."""
    if image.shape[2] == 1:
        return image
    return np.array(_to_pil(image).convert("L"))[..., np.newaxis]


def match_channels(image: Pixels, channels: int) -> Pixels:
    """Returns the image as uint8[H, W, channels]: gray is repeated for 3 channels, colour becomes luma for 1.

    Raises:
      DeidError: `channels` is neither 1 nor 3.
    """
    if channels not in (1, 3):
        raise DeidError(f"an image has 1 or 3 channels, got {channels}")
    if channels == 1:
        return to_grayscale(image)
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image


@functools.cache
def extensions() -> frozenset[str]:
    """Returns the extensions of file names, as in ".png", of the kinds of images that are read."""
    return frozenset(extension for extension, kind in Image.registered_extensions().items() if kind in FORMATS)


def is_gray(file: BinaryIO) -> bool:
    """Tells from the header of an image file alone whether `decode_image` would return one channel.

    Raises:
      ImageError: the header can't be read.
    """
    try:
        head = file.read(26)
        if head.startswith(PNG) and head[12:16] == b"IHDR" and head[25:] in (b"\0", b"\2", b"\3", b"\4", b"\6"):
            return head[25] in (0, 4)  # Pillow would also read what comes with the pixels, and might not like it.
        file.seek(0)
        mode = Image.open(file, formats=FORMATS).mode
    except Exception as error:  # As in `decode_image`.
        raise ImageError(f"an image's header must be readable ({type(error).__name__}: {error})") from error
    return mode[0] == "I" or mode in ("1", "L", "LA", "La")


def holds_several(data: bytes) -> bool:
    """Tells whether an image file holds more than one frame or page, of which `decode_image` takes the first.

    The second picture of a JPEG file is another view or a preview of the first, and does not count.
    """
    can = data.startswith((b"GIF8", b"RIFF", b"II", b"MM")) or data[4:8] == b"ftyp" or b"acTL" in data[:4096]
    if not can or data.startswith(b"\xff\xd8"):
        return False
    try:
        with _open(data) as image:
            return getattr(image, "n_frames", 1) > 1
    except Exception:  # As in `decode_image`: a file that is damaged fails when it is decoded.
        return False


def encode_png(image: Pixels) -> bytes:
    """Returns uint8[H, W, 1] or uint8[H, W, 3] as a PNG file, losslessly and without metadata.

    The rows are not filtered, which suits images of flat colours, and are compressed by ISA-L at its level 2: a sixteenth of
    the time of TensorFlow's encoder, and fewer bytes. The libraries that write PNG have no choice but zlib, which takes five
    times as long. The GIL is released. The bytes may depend on the kind of processor, the pixels do not.

    Raises:
      DeidError: the array has another dtype or shape.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3) or 0 in image.shape:
        raise DeidError(f"PNG is written of uint8[H, W, 1] or uint8[H, W, 3], got {image.dtype}{list(image.shape)}")
    height, width, channels = image.shape
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # A row starts with its filter type: 0, none.
    rows[:, 1:] = image.reshape(height, -1)
    colour_type = 2 if channels == 3 else 0
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    chunks = _chunk(b"IHDR", header), _chunk(b"IDAT", isal_zlib.compress(rows.data, 2)), _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", isal_zlib.crc32(data, isal_zlib.crc32(kind)))


def _open(data: bytes) -> Image.Image:
    """Reads the header of an image file."""
    return Image.open(io.BytesIO(data), formats=FORMATS)


def _check_size(image: Image.Image, max_pixels: int) -> None:
    if max(image.size) > MAX_SIDE:
        raise ImageError(f"an image must have at most {MAX_SIDE} pixels a side, got {image.width}x{image.height}")
    if image.width * image.height > max_pixels:
        raise ImageError(
            f"an image must have at most {max_pixels} pixels, got {image.width}x{image.height} = {image.width * image.height}"
        )


def _pixels(image: Image.Image) -> Pixels:
    """Returns uint8[H, W, 1 or 3] of a loaded image with 8 bits a channel."""
    transparent = image.has_transparency_data
    modes = _TRANSPARENT if transparent else _OPAQUE
    if image.mode not in modes:
        known = ", ".join(["I;16", "I", *dict.fromkeys([*_OPAQUE, *_TRANSPARENT])])
        raise ImageError(f"an image's pixels must be of one of Pillow's modes {known}; got {image.mode}")
    wanted = modes[image.mode]
    pixels = np.asarray(image if image.mode == wanted else image.convert(wanted))
    if transparent:
        return _on_white(pixels)
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


def _on_white(pixels: Pixels) -> Pixels:
    colour, alpha = pixels[..., :-1].astype(np.uint16), pixels[..., -1:].astype(np.uint16)
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)  # At most 65,152: fits 16 bits.


def _gray16_pixels(image: Image.Image) -> Pixels:
    """Returns uint8[H, W, 1] of a loaded image with 16-bit gray values (which Pillow also holds in 32 bits)."""
    values = np.asarray(image).astype(np.int32)
    if values.min() < 0 or values.max() > 65535:
        raise ImageError(f"integer gray values must lie in 0..65535, got {values.min()}..{values.max()}")
    gray = ((values + 128) // 257).astype(np.uint8)  # = floor(x * 255 / 65535 + 1/2)
    gray[values == image.info.get("transparency", -1)] = 255  # PNG can name one gray value that is transparent.
    return gray[..., np.newaxis]


def _orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation that has not been applied yet, 1 (upright) if there is none."""
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except Exception:  # As in `decode_image`.
        return 1


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    if orientation in (5, 6, 7, 8):  # The stored rows are columns of the upright image.
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _problem(array: np.ndarray) -> str:
    """Returns what keeps an array from being an image, beyond its dtype and shape; "" if nothing does."""
    shape_ok = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3))
    if not shape_ok or min(array.shape[:2]) < 2 or (array.dtype != np.uint8 and array.dtype.kind != "f"):
        return "."
    if array.dtype.kind == "f" and not (array.min() >= 0 and array.max() <= 1):  # NaN fails both comparisons.
        return f" with values from {array.min()} to {array.max()}."
    return ""


def _to_pil(image: Pixels) -> Image.Image:
    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
