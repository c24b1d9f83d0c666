"""Pang et al., ICLR 2020: "Rethinking Softmax Cross-Entropy Loss for Adversarial Robustness"."""
