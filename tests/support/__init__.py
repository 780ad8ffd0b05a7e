"""What tests share: data, clones of the project, processes."""
