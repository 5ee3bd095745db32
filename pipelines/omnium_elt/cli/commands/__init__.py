"""One module per command or group of commands: its options, the call, and what it prints."""
