"""Training and evaluation on a prepared TFDS dataset; needs neither the key nor the source images."""
