"""Evidence: what in a trained model is real, computed from arrays with numpy and scipy. Import from the modules."""
