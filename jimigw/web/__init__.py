"""The Twisted edge towards people and programs: what the platform is asked, and later what it may ask."""
