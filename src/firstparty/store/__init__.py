"""Control data at rest: tables, queries, the feed to the edges, sealed keys."""
