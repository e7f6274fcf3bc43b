"""What others may add to tfdeid, each in one file. None is meant to protect anything: they are here to be read and tried."""
