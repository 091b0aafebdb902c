"""What jimigw costs, measured on the machine at hand: ``python -m benchmarks``, or ``make bench``."""
