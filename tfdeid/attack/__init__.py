"""What an adversary recovers of de-identified images: one attacker a file, each of which says what it knows."""
