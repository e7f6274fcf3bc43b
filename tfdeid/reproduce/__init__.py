"""The paper's tables beside ours: what each needs is run, and kept (`tfdeid reproduce`)."""
