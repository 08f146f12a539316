"""Files under ``task_dir``: run folders, the node's own records, the listing of outputs."""
