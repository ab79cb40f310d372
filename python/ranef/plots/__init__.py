"""Pictures of fitted models. Needs matplotlib, the extra ``plot``."""
