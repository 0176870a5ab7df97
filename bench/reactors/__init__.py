"""Operators of a few lines that write a status for each object: processes of `bench.operators`."""
