module v6.invalid/devcluster/pause

go 1.24.0
