"""Fleets of believable terminals, for trying a gateway out and for its tests.

The terminal itself (:mod:`.terminal`) has no socket and no clock; :mod:`.fleet` lends it both.
"""
