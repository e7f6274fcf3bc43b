"""Methods side by side on one's own dataset: what each costs in accuracy, and what attackers get of it (`tfdeid compare`)."""
