"""Evaluation under attack: attack every example, keep every verdict, and say when a number is an artefact.

The names are imported when they are first used, so that a command is checked without TensorFlow.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"runner": ["evaluate"]})
