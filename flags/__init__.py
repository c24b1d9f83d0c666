"""Flags of the three scripts: each file defines one group, `cli` parses, `resolve` fills in the rest."""
