"""The tables in the README of the PyTorch reimplementation of MMC."""
