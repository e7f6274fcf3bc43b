"""Reading: what a network that reads finds of the texts in images, after they were de-identified."""

from tfdeid.attack.reading.figures import FormFigures, Reading
from tfdeid.attack.reading.ocr import Reader
from tfdeid.attack.reading.read import MOST, read_text

__all__ = ["MOST", "FormFigures", "Reader", "Reading", "read_text"]
