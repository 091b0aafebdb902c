"""Fleets of believable terminals, for trying a gateway out and for its tests.

Terminals (:mod:`.terminal` for Jimi, :mod:`.terminal808` for JT/T 808, :mod:`.life` for what they share) have no socket
and no clock; :mod:`.vehicle` and :mod:`.fleet` lend them both.
"""
