"""What a site developer copies: one template per SDK, with its facts."""
