"""Tests that hold documentation and configuration to the code."""
