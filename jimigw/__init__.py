"""jimigw: an open gateway between dashcam and tracker fleets and a platform."""

__version__ = "0.1.0.dev0"
