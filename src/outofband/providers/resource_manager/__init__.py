"""Microsoft.Resources: tenants, subscriptions, resource groups, and what Resource Manager knows of
everything: providers and their registration, lists of all resources, tags, locks.
"""
