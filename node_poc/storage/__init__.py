"""The files under ``task_dir``: run folders, the node's own records, the output listing."""
