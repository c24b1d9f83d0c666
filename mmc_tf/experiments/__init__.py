"""Named experiments: sequences of the scripts' own commands, and the table that they fill."""
