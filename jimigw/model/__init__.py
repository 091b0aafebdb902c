"""What a device is, says and is told, whatever its protocol. No I/O, no clock."""
