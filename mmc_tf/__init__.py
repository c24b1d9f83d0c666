"""Max-Mahalanobis-center training, and attacks that tell the truth about it, on TensorFlow and Keras 3."""

__version__ = "0.1.0"
