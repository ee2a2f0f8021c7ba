"""Torch source of a generated kernel, from a definition."""
