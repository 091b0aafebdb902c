"""The commands beside the service: decode, encode, simulate, and the writer of the generated pages."""
