"""The numbers of the MMA paper's tables (Ding et al., ICLR 2020), transcribed whole."""
