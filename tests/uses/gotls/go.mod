module example/gotls

go 1.19
