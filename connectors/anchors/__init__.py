"""Where checkpoints are kept off the machine: one file per kind of place."""
