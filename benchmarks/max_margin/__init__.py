"""Max-margin training on MNIST beside fixed-radius training and beside a loop in PyTorch."""
