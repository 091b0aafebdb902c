"""What rooms need that call other people's servers: a bounded HTTP client, a circuit breaker, errors in words."""
