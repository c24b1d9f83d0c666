"""Anything callable as a classifier: what it computes in, and the range of its pixels."""
