"""The composition root: settings to processes, processes to roles, roles to running parts."""
