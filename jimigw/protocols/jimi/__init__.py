"""The Jimi protocol of JC261 and JC400 dashcams, document V1.3.5."""
