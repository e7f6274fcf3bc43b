"""What the paper prints of its measures (Ko et al. 2020), to stand beside ours."""

from __future__ import annotations

# Table 2: 10,000 test images of CIFAR-10 at 224 x 224, alpha 0.5.
# Input size: SSIM_Vec, SSIM_Dei and L2, from which the rest follows.
TABLE_2 = {
    32: (0.6673, 0.3477, 0.2949),
    36: (0.7034, 0.3589, 0.2729),
    42: (0.7368, 0.3584, 0.2577),
    46: (0.7545, 0.3434, 0.2527),
    48: (0.7630, 0.3388, 0.2505),
    50: (0.7705, 0.3355, 0.2510),
    52: (0.7783, 0.3484, 0.2387),
    54: (0.7844, 0.3606, 0.2290),
    58: (0.7943, 0.3616, 0.2253),
    62: (0.8036, 0.3947, 0.2028),
    64: (0.8086, 0.4033, 0.1974),
    75: (0.8245, 0.4077, 0.1821),
    100: (0.8438, 0.4823, 0.1408),
}
SIZES = tuple(TABLE_2)


def table_2(size: int) -> dict[str, float]:
    """Returns the measures of Table 2 for an input size, {} for a size that it does not have."""
    if size not in TABLE_2:
        return {}
    vec, dei, l2 = TABLE_2[size]
    di = (dei + l2) / 2
    return {"ssim_vec": vec, "ssim_dei": dei, "ssim_pos": dei - vec, "l2": l2, "di": di, "sdim": dei - vec + di}
