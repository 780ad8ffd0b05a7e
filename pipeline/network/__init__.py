"""The network: built, trained, saved, looked into."""
