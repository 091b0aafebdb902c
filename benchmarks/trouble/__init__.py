"""What :mod:`benchmarks.outages` runs: a broker, a receiver and the service are stopped, slowed and killed under load.

fleet ──▶ service ──▶ broker ──▶ subscriber          each a process; what arrived is written down on the right,
                 └──▶ receiver, JSON and hub         and compared with the journal and the fleet's answers
"""
