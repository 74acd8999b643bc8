"""The CDN host: analytics.js, its bundles and the settings, rewritten to stay first-party."""
