"""Pictures as tensors: unpaired folders."""
