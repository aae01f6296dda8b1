module k8s-harden.test/workload

go 1.26
