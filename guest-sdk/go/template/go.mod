module my_filter

go 1.24
