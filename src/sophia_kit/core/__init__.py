"""Settings, errors, the HTTP client, telemetry, clock and Fact. Knows no other room."""
