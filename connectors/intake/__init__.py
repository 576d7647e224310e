"""Read-only sources of items, one file per format."""
