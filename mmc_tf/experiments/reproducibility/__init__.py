"""The reproducibility report on Pang et al., ICLR 2020."""
