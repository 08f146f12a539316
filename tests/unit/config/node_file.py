"""A good configuration file, and the message about a broken one."""

SECRET = "the-api-key-that-no-message-may-show"
GOOD = f"""\
api_key: {SECRET}
server_url: https://server.example
port: 443
task_dir: /tasks
databases:
  - label: default
    uri: /data/a.csv
    type: csv
kubernetes:
  node_name: My node
"""
