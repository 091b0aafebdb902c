"""How bytes are declared: kinds of fields, messages made of them, check codes, stream buffers. No I/O, no clock."""
