"""Ding et al., ICLR 2020: "MMA Training: Direct Input Space Margin Maximization through Adversarial Training"."""
