"""Parts of `benchmarks/second_opinion.py`: what is compared, the published implementations, the comparison."""
