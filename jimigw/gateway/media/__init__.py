"""Files of terminals: how they come in, what they belong to, how missing ones are asked for, how long they are kept.

:mod:`jimigw.gateway.uploads` is the whole of it; each file here is one part.
"""
