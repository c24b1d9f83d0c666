"""What the benchmark of the attacks' speed is put together from."""
