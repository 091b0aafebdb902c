"""The decisions: who is known, who is on line, what is stored before it is answered."""
