"""What outlives the process beside the journal: terminals, commands, the versions of their tables."""
