"""The built-in strategies: one file a family, registered as any stranger's plugin is."""
