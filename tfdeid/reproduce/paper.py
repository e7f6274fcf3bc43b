"""The figures that Ko et al. 2020 print, to stand beside ours. Accuracies are in percent, as there."""

from __future__ import annotations

from tfdeid.deidentifier import DeidConfig

# Table 2: 10,000 test images of CIFAR-10 at 224 x 224, in colour, under the published key, alpha 0.5.
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
# Table 3: accuracy of InceptionResNetV2 by input size, at 224 x 224.
TABLE_3 = {
    32: {"vectorized": 82.17, "structural": 81.26},
    42: {"vectorized": 85.55, "structural": 85.88},
    50: {"vectorized": 86.76, "structural": 87.10},
    64: {"vectorized": 87.75, "structural": 87.48},
}
# Table 4: accuracy, and milliseconds an image on an RTX 2080 Ti, by output size, at input size 50.
TABLE_4 = {75: (79.16, 0.4), 100: (81.29, 0.6), 150: (85.32, 1.2001), 200: (85.77, 2.1014), 224: (87.10, 3.0003)}
# Table 5: gray images at input size 50. L2 is not printed, but follows from SDIM = SSIM_Pos + (SSIM_Dei + L2) / 2.
TABLE_5_GRAY = {"ssim_vec": 0.8112, "ssim_dei": 0.2363, "ssim_pos": -0.5749, "l2": 0.4231, "sdim": -0.2452}
TABLE_5_GRAY_ACCURACY = 83.56
# Table 6: accuracy on CIFAR-10 by method.
TABLE_6 = {"plain": 91.68, "negative_positive": 82.16, "structural": 87.10}
# DP-SGD on CIFAR-10 at epsilon 8, and whose figure that is.
PRIVATE = ({"accuracy": 73.0}, "pSGD, of which the paper prints 73; De et al. 2022 reach 81.4 by a wide network")
# ImageNet, 139 classes at input size 32, ResNet50: plain minus de-identified, and SDIM.
IMAGENET = {"accuracy_drop": 6.39, "f1_drop": 0.06, "sdim": -0.4313}


def table_2(size: int) -> dict[str, float]:
    """Returns the measures of Table 2 for an input size, {} for a size that it does not have."""
    if size not in TABLE_2:
        return {}
    vec, dei, l2 = TABLE_2[size]
    di = (dei + l2) / 2
    return {"ssim_vec": vec, "ssim_dei": dei, "ssim_pos": dei - vec, "l2": l2, "di": di, "sdim": dei - vec + di}


def apart_from_table_2(config: DeidConfig, key: str | None, split: str | None, alpha: float, is_selection: bool) -> str:
    """Returns what sets a measurement of CIFAR-10 apart from Table 2's, but for the input size; nothing if it is the same.

    Args:
      config: what was done.
      key: the key's reference.
      split: that was measured.
      alpha: the weight of SSIM_Dei in DI.
      is_selection: whether only some classes or examples were chosen from.
    """
    usual = DeidConfig().to_dict()
    # Neither changes what is measured: painters differ by rounding, and the preset draws no random colours.
    for name in ("input_size", "backend", "seed"):
        del usual[name]
    given = config.to_dict()
    # A scheme without an option does not differ by it: its name says enough.
    apart = [f"{name} {given[name]}" for name, value in usual.items() if given.get(name, value) != value]
    apart += [] if key == "paper" else ["another key than 'paper'"]
    apart += [] if split == "test" else ["another split than 'test'"]
    apart += [] if alpha == 0.5 else [f"alpha {alpha}"]
    return ", ".join([*apart, *(["a selection of its images"] if is_selection else [])])
