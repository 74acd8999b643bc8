"""Opens a site's page in a headless Chromium and says what became of its analytics."""
