"""Everything MLflow: a run for every stage, a complete one for every experiment."""
