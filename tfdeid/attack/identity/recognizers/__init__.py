"""Recognizers, one a file, in the order of what they learn."""
