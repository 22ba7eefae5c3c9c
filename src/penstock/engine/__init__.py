"""Drives jobs: expand, dispatch, run, record."""
