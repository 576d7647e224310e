"""The shell: command line, settings and logs."""
