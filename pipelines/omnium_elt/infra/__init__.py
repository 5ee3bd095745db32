"""What every command needs: settings, home, lock, log, history, errors, files."""
