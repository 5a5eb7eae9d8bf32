"""The outbox: planned messages on their way to a provider. Claims, attempts, outcomes, recovery."""
