"""Commands under all that terminals do wrong, over restarts with kill -9: the programs of the part ``commands``.

:mod:`.driver` is the service in a process of its own, which takes commands as lines; :mod:`.course` runs it, kills it
and gives the commands; :mod:`.terminals` misbehave, by the :mod:`.tricks`, and keep a :mod:`.diary`; :mod:`.verdict`
reads the service's files and the diary and says which promise was broken.
"""
