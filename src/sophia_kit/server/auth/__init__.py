"""Who may ask the server what: callers, their tokens and scopes."""
