"""Losses, one a file, plain functions of tensors."""
