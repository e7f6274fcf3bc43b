"""Sources that are read, and the de-identified datasets that are written and read back."""
