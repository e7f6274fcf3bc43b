"""Measures, trainings and attacks that are worked out once and kept: what `tfdeid compare` and `tfdeid reproduce` stand on."""
