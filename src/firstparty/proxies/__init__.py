"""Custom proxies: made, and checked, whoever runs them."""
