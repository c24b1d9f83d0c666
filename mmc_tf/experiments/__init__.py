"""Named experiments: sequences of the scripts' own commands, and the tables and figures that they fill."""
