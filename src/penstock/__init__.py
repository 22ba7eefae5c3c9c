"""Penstock runs a workflow over every object that already sits in a bucket."""

__version__ = "0.1.0"
