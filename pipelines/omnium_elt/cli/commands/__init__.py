"""A module a command, or a family of them: options, the call, and what is shown of what came out."""
