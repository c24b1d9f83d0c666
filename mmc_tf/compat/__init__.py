"""The original code's weight files: what is in them, and our own classifier with their weights.

The names are imported when they are first used: reading a file needs neither TensorFlow nor Keras.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "findings": ["Findings", "find", "read_findings"],
        "released": ["Released", "build_released", "prepare_released"],
    },
)
