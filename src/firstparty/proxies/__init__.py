"""Custom proxies: an owner's own CDN or server in front of Segment, generated and checked."""
