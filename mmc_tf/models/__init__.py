"""Classifiers: preprocessing layers, backbones, heads, and `build_classifier`.

The names are imported when they are first used, so that `resolve` checks a model's name without TensorFlow.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "backbones": ["Backbone", "BackboneOptions", "resolve"],
        "build": ["build_classifier", "default_preprocessing"],
        "heads": ["HEADS", "Head", "HeadCall", "head_call"],
    },
)
