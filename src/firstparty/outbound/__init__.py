"""DNS and HTTP to places a user named: public addresses only, and bounded."""
