"""What operators see of jimigw: its config, its log, and later its metrics and its manhole."""
