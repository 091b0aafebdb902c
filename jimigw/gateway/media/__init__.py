"""Files of terminals: what is on their cards, what belongs together, what is asked for."""
