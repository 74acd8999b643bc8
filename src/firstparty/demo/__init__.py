"""The whole product on loopback, with the outside world played by small real servers."""
