"""The checks of a proxy, one file a group: pure decisions about answers that came."""
