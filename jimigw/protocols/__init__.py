"""The protocols that terminals speak. Each package is sans-I/O: bytes and the time come in, events come out."""
