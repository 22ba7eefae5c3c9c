"""Durable state: one file a table's worth of queries."""
