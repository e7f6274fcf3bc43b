"""Structural image de-identification, Rasterize(PosOPE(Vectorize(image))): Ko et al., IEEE Access 8, 2020."""

from tfdeid.schemes.structural.position_ope import PositionOPE
from tfdeid.schemes.structural.rasterize import rasterize
from tfdeid.schemes.structural.trace_options import PRESETS, TraceOptions, trace_options
from tfdeid.schemes.structural.vector_image import VectorImage
from tfdeid.schemes.structural.vectorize import vectorize

__all__ = ["PRESETS", "PositionOPE", "TraceOptions", "VectorImage", "rasterize", "trace_options", "vectorize"]
