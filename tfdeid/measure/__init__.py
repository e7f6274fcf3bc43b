"""How much of an image is left to see: SSIM, L2, SSIM_Pos, DI and SDIM (Ko et al. 2020, section III-D)."""

from tfdeid.measure.measures import Measures, measure

__all__ = ["Measures", "measure"]
