"""`azcmagent`: this server as a machine of a control plane. Floor of the third tower, beside `cli`.

Signs in with `client`, and hands over to the agent's modules that pyproject's import contracts name.
"""
