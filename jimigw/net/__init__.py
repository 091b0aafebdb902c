"""The Twisted edge towards terminals."""
