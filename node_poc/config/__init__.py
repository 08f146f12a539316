"""The node's configuration: vantage6's file format, validated."""
