"""How a message leaves and arrives: one adapter a provider, webhooks, dispatch. Imports only ``core``."""
