module v6.invalid/devcluster/local-path-helper

go 1.24.0
